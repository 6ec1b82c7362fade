import { assertEquals } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import type { TableInput } from "../support/amqp/raw_codec.ts";
import type { Broker, ConformanceCase } from "./conformance_case.ts";
import { drain, exclusiveQueue, fill, nextTexts, openChannel, sharedQueue, waitFor } from "./helpers.ts";

function quorumQueue(broker: Broker, channel: RawChannel, args: TableInput = {}): Promise<string> {
  return sharedQueue(broker, channel, { "x-queue-type": "quorum", ...args });
}

/** Queues that are declared as quorum queues. */
export const quorumCases: ConformanceCase[] = [
  {
    name: "a quorum queue keeps its messages in order, confirmed",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await quorumQueue(broker, channel);
      await fill(channel, queue, "one", "two");
      await channel.consume(queue, { noAck: true });
      assertEquals(await nextTexts(channel, 2), ["one", "two"]);
    },
  },
  {
    name: "a quorum queue is durable, not exclusive and not auto-delete: else 406",
    async run(broker) {
      const client = await broker.client();
      const args = { "x-queue-type": "quorum" };
      for (const options of [{}, { durable: true, exclusive: true }, { durable: true, autoDelete: true }]) {
        const channel = await client.channel();
        await channel.refused(406, "queue.declare", { queue: broker.name("quorum"), ...options, arguments: args });
      }
    },
  },
  {
    name: "a quorum queue and a classic one of the same name are different: 406",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await quorumQueue(broker, channel);
      await channel.refused(406, "queue.declare", { queue, durable: true });
    },
  },
  {
    name: "a quorum queue counts deliveries that came back in x-delivery-count",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await quorumQueue(broker, channel);
      await fill(channel, queue, "one");
      await channel.consume(queue);
      const first = await channel.nextDelivery();
      assertEquals([first.headers["x-delivery-count"], first.redelivered], [undefined, false]);
      await channel.nack(first.tag, { requeue: true });
      const second = await channel.nextDelivery();
      assertEquals([second.headers["x-delivery-count"], second.redelivered], [1, true]);
      await channel.nack(second.tag, { requeue: true });
      const third = await channel.nextDelivery();
      assertEquals([third.headers["x-delivery-count"], third.redelivered], [2, true]);
    },
  },
  {
    name: "a classic queue does not count deliveries that came back",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await sharedQueue(broker, channel);
      await fill(channel, queue, "one");
      await channel.consume(queue);
      await channel.reject((await channel.nextDelivery()).tag, true);
      const again = await channel.nextDelivery();
      assertEquals([again.headers["x-delivery-count"], again.redelivered], [undefined, true]);
    },
  },
  {
    name: "x-delivery-limit sends what comes back too often to the dead letters, as delivery_limit",
    async run(broker) {
      const channel = await openChannel(broker);
      const dead = await exclusiveQueue(channel);
      const queue = await quorumQueue(broker, channel, {
        "x-delivery-limit": 2,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
      });
      await fill(channel, queue, "one");
      const consumerTag = await channel.consume(queue);
      for (let count = 0; count < 3; count++) {
        await channel.nack((await channel.nextDelivery(undefined, consumerTag)).tag, { requeue: true });
      }
      const got = await waitFor(channel, dead);
      assertEquals([got.text, got.headers["x-first-death-reason"]], ["one", "delivery_limit"]);
    },
  },
  {
    name: "a quorum queue sends what is rejected to the dead letters",
    async run(broker) {
      const channel = await openChannel(broker);
      const dead = await exclusiveQueue(channel);
      const queue = await quorumQueue(broker, channel, {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
      });
      await fill(channel, queue, "one");
      await channel.consume(queue);
      await channel.reject((await channel.nextDelivery()).tag);
      assertEquals((await waitFor(channel, dead)).headers["x-first-death-reason"], "rejected");
    },
  },
  {
    name: "a quorum queue drops the oldest beyond x-max-length",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await quorumQueue(broker, channel, { "x-max-length": 2 });
      await fill(channel, queue, "one", "two", "three");
      assertEquals(await drain(channel, queue), ["two", "three"]);
    },
  },
  {
    name: "a quorum queue knows no priorities, no global prefetch and no lazy mode",
    async run(broker) {
      const client = await broker.client();
      for (const args of [{ "x-max-priority": 5 }, { "x-queue-mode": "lazy" }]) {
        const channel = await client.channel();
        await channel.refused(406, "queue.declare", {
          queue: broker.name("quorum"),
          durable: true,
          arguments: { "x-queue-type": "quorum", ...args },
        });
      }
      const channel = await client.channel();
      const queue = await quorumQueue(broker, channel);
      await channel.call("basic.qos", { prefetchCount: 1, global: true });
      await channel.send("basic.consume", { queue });
      await client.expectClose(540, "basic.consume");
    },
  },
  {
    name: "x-delivery-limit is not known to classic queues: 406",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.refused(406, "queue.declare", {
        queue: broker.name("queue"),
        durable: true,
        arguments: { "x-delivery-limit": 2 },
      });
    },
  },
];
