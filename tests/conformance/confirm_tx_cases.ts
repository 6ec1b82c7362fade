import { assertEquals } from "@std/assert";
import type { Confirmation, RawChannel } from "../support/amqp/raw_channel.ts";
import { eventually } from "../support/eventually.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { drain, exclusiveQueue, fill, openChannel, settled, sharedQueue } from "./helpers.ts";

/** Takes confirmations until each of `count` tags has one; multiple ones are for all that are still open. */
async function allConfirmed(channel: RawChannel, count: number): Promise<Map<number, Confirmation["kind"]>> {
  const kinds = new Map<number, Confirmation["kind"]>();
  while (kinds.size < count) {
    const { kind, deliveryTag, multiple } = await channel.confirmations.next(5_000);
    for (let tag = multiple ? 1 : deliveryTag; tag <= deliveryTag; tag++) {
      if (!kinds.has(tag)) kinds.set(tag, kind);
      else if (!multiple) throw new Error(`The publish ${tag} was confirmed twice`);
    }
  }
  return kinds;
}

/** Confirms and transactions. */
export const confirmTxCases: ConformanceCase[] = [
  {
    name: "confirm.select is answered, as often as it is sent",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.call("confirm.select");
      await channel.call("confirm.select");
    },
  },
  {
    name: "confirm.select without waiting has no answer",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.send("confirm.select", { nowait: true });
      const queue = await exclusiveQueue(channel);
      await channel.publish({ routingKey: queue }, "one");
      const { kind, deliveryTag } = await channel.confirmed(1);
      assertEquals([kind, deliveryTag], ["ack", 1]);
      assertEquals(channel.arrived.includes("confirm.selectOk"), false);
    },
  },
  {
    name: "confirms count from 1, from the select on",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.publish({ routingKey: queue }, "before");
      await channel.call("confirm.select");
      for (const tag of [1, 2, 3]) {
        await channel.publish({ routingKey: queue }, `${tag}`);
        const { kind, deliveryTag } = await channel.confirmed(tag);
        assertEquals([kind, deliveryTag], ["ack", tag]);
      }
      assertEquals(await drain(channel, queue), ["before", "1", "2", "3"]);
    },
  },
  {
    name: "every one of many publishes is confirmed once",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("confirm.select");
      for (let tag = 1; tag <= 500; tag++) channel.publish({ routingKey: queue }, `${tag}`);
      const kinds = await allConfirmed(channel, 500);
      assertEquals([...kinds.values()].every((kind) => kind === "ack"), true);
      assertEquals((await channel.call("queue.purge", { queue })).messageCount, 500);
    },
  },
  {
    name: "every one of many persistent publishes to a durable queue is confirmed once",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await sharedQueue(broker, channel);
      await channel.call("confirm.select");
      for (let tag = 1; tag <= 200; tag++) channel.publish({ routingKey: queue }, `${tag}`, { deliveryMode: 2 });
      const kinds = await allConfirmed(channel, 200);
      assertEquals([...kinds.values()].every((kind) => kind === "ack"), true);
      assertEquals((await channel.call("queue.purge", { queue })).messageCount, 200);
    },
  },
  {
    name: "a message that no queue gets is confirmed",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.call("confirm.select");
      await channel.publish({ routingKey: broker.name("absent") }, "one");
      assertEquals((await channel.confirmed(1)).kind, "ack");
    },
  },
  {
    name: "a publish that closes its channel is neither confirmed nor refused",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.call("confirm.select");
      await channel.publish({ exchange: broker.name("absent") }, "one");
      await channel.expectClose(404, "basic.publish");
      assertEquals(channel.confirmations.size, 0);
    },
  },
  {
    name: "a message that expires at once is confirmed",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const { kind } = await channel.publishConfirmed({ routingKey: queue }, "one", { expiration: "0" });
      assertEquals([kind, await channel.get(queue)], ["ack", undefined]);
    },
  },
  {
    name: "confirms of two channels do not mix",
    async run(broker) {
      const client = await broker.client();
      const [one, two] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(one);
      await one.publishConfirmed({ routingKey: queue }, "1");
      await one.publishConfirmed({ routingKey: queue }, "2");
      assertEquals((await two.publishConfirmed({ routingKey: queue }, "3")).deliveryTag, 1);
    },
  },
  {
    name: "a channel without confirms gets none",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.publish({ routingKey: queue }, "one");
      await settled(channel, queue);
      assertEquals(channel.confirmations.size, 0);
    },
  },
  {
    name: "tx.select on a channel with confirms is refused with 406, and the other way round",
    async run(broker) {
      const client = await broker.client();
      const confirming = await client.channel();
      await confirming.call("confirm.select");
      await confirming.refused(406, "tx.select");
      const transacted = await client.channel();
      await transacted.call("tx.select");
      await transacted.refused(406, "confirm.select");
    },
  },
  {
    name: "commit and rollback without tx.select are refused with 406",
    async run(broker) {
      const client = await broker.client();
      await (await client.channel()).refused(406, "tx.commit");
      await (await client.channel()).refused(406, "tx.rollback");
    },
  },
  {
    name: "what is published in a transaction arrives with its commit",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(channel);
      await channel.call("tx.select");
      await channel.publish({ routingKey: queue }, "one");
      await channel.publish({ routingKey: queue }, "two");
      await settled(channel, queue);
      assertEquals(await drain(other, queue), []);
      await channel.call("tx.commit");
      assertEquals(await drain(other, queue), ["one", "two"]);
    },
  },
  {
    name: "what is published in a transaction is gone with its rollback, or its channel",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(other);
      await channel.call("tx.select");
      await channel.publish({ routingKey: queue }, "one");
      await channel.call("tx.rollback");
      await channel.call("tx.commit");
      await channel.publish({ routingKey: queue }, "two");
      await channel.close();
      assertEquals(await drain(other, queue), []);
    },
  },
  {
    name: "a transaction follows another on the same channel",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("tx.select");
      for (const text of ["one", "two"]) {
        await channel.publish({ routingKey: queue }, text);
        await channel.call("tx.commit");
      }
      assertEquals(await drain(channel, queue), ["one", "two"]);
    },
  },
  {
    name: "acks of a transaction count with its commit",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(other);
      await fill(other, queue, "one", "two");
      await channel.call("tx.select");
      await channel.ack((await channel.mustGet(queue)).tag);
      await channel.call("tx.commit");
      await channel.ack((await channel.mustGet(queue)).tag);
      await channel.close();
      // What was not committed comes back once the broker has noticed the end of the channel.
      assertEquals((await eventually(() => other.get(queue))).text, "two");
      assertEquals(await drain(other, queue), []);
    },
  },
  {
    name: "acks of a transaction are forgotten with its rollback, and the messages may be settled again",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(other);
      await fill(other, queue, "one", "two");
      const [one, two] = [await channel.mustGet(queue), await channel.mustGet(queue)];
      await channel.call("tx.select");
      await channel.ack(two.tag, true);
      await channel.call("tx.rollback");
      await channel.ack(one.tag);
      await channel.call("tx.commit");
      await channel.close();
      // RabbitMQ may put it back after it has answered the close.
      assertEquals((await eventually(() => other.get(queue)))?.text, "two");
    },
  },
  {
    name: "a nack with requeue in a transaction puts back with its commit",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(other);
      await fill(other, queue, "one");
      await channel.call("tx.select");
      await channel.nack((await channel.mustGet(queue)).tag, { requeue: true });
      assertEquals(await drain(other, queue), []);
      await channel.call("tx.commit");
      assertEquals(await drain(other, queue), ["one"]);
    },
  },
  {
    name: "a mandatory message of a transaction comes back with its commit",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.call("tx.select");
      await channel.publish({ routingKey: broker.name("absent"), mandatory: true }, "one");
      await channel.call("tx.commit");
      await channel.returns.next(5_000);
      assertEquals(channel.arrived.filter((name) => name !== "channel.openOk"), [
        "tx.selectOk",
        "basic.return",
        "tx.commitOk",
      ]);
    },
  },
  {
    name: "a publish to an absent exchange in a transaction is refused with 404 at once",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.call("tx.select");
      await channel.publish({ exchange: broker.name("absent") }, "one");
      await channel.expectClose(404, "basic.publish");
    },
  },
];
