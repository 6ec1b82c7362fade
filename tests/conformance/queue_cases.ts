import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { field } from "../support/amqp/raw_codec.ts";
import type { Broker, ConformanceCase } from "./conformance_case.ts";
import { counts, drain, exclusiveQueue, fill, openChannel, ownQueue, sharedQueue } from "./helpers.ts";

/** Resolves when the queue is not there any more. */
async function gone(broker: Broker, queue: string): Promise<void> {
  const client = await broker.client();
  await eventually(async () => {
    const channel = await client.channel();
    const found = await counts(channel, queue).catch((error) => error);
    return found instanceof Error && found.message.includes("404");
  }, { what: `${queue} to be gone` });
}

/** Queues: their declaration, their deletion, whose they are. */
export const queueCases: ConformanceCase[] = [
  {
    name: "a queue without a name gets one from the broker",
    async run(broker) {
      const channel = await openChannel(broker);
      const [one, two] = [await exclusiveQueue(channel), await exclusiveQueue(channel)];
      assertMatch(one, /^amq\.gen-.{10,}$/);
      assert(one !== two);
    },
  },
  {
    name: "a declaration tells how many messages are ready and how many consumers there are",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("queue");
      const declared = await channel.call("queue.declare", { queue, exclusive: true });
      assertEquals(declared, { queue, messageCount: 0, consumerCount: 0 });
      await fill(channel, queue, "one", "two", "three");
      assertEquals(await counts(channel, queue), { messages: 3, consumers: 0 });
      await channel.mustGet(queue);
      assertEquals(await counts(channel, queue), { messages: 2, consumers: 0 });
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queue);
      await channel.nextDelivery();
      const again = await channel.call("queue.declare", { queue, exclusive: true });
      assertEquals(again, { queue, messageCount: 1, consumerCount: 1 });
    },
  },
  {
    name: "a passive declaration of a queue looks at the name alone",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await sharedQueue(broker, channel, { "x-max-length": 5 });
      await channel.call("queue.declare", { queue, passive: true, durable: false, arguments: { "x-max-length": 6 } });
    },
  },
  {
    name: "a passive declaration of an absent queue is refused with 404",
    async run(broker) {
      await (await openChannel(broker)).refused(404, "queue.declare", { queue: broker.name("absent"), passive: true });
    },
  },
  {
    name: "another durability, auto-delete or argument than declared is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const queue = await sharedQueue(broker, await client.channel(), { "x-max-length": 5, "x-message-ttl": 60_000 });
      const same = { "x-max-length": 5, "x-message-ttl": 60_000 };
      const others = [
        { durable: false, arguments: same },
        { autoDelete: true, arguments: same },
        { arguments: {} },
        { arguments: { ...same, "x-max-length": 6 } },
        { arguments: { ...same, "x-dead-letter-exchange": "amq.fanout" } },
      ];
      for (const other of others) {
        const channel = await client.channel();
        const { replyText } = await channel.refused(406, "queue.declare", { queue, durable: true, ...other });
        assertEquals(replyText.startsWith("PRECONDITION_FAILED - inequivalent arg '"), true, replyText);
      }
      await (await client.channel()).call("queue.declare", { queue, durable: true, arguments: same });
    },
  },
  {
    name: "the width of a number is no difference between arguments",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await ownQueue(broker, channel, { "x-max-length": 5 });
      await channel.call("queue.declare", { queue, exclusive: true, arguments: { "x-max-length": 5n } });
    },
  },
  {
    name: "an argument of another type is another one, even where its value is as large",
    async run(broker) {
      const client = await broker.client();
      const ten = { "x-message-ttl": 10, "x-max-length": 10, "x-dead-letter-exchange": "amq.direct" };
      const queue = await ownQueue(broker, await client.channel(), ten);
      const others = [
        { "x-message-ttl": field("d", 10) },
        { "x-message-ttl": field("f", 10) },
        { "x-message-ttl": "10" },
        { "x-message-ttl": null },
        { "x-max-length": field("d", 10) },
        { "x-dead-letter-exchange": null },
        { "x-dead-letter-routing-key": null },
      ];
      for (const other of others) {
        const channel = await client.channel();
        const args = { ...ten, ...other };
        const { replyText } = await channel.refused(406, "queue.declare", { queue, exclusive: true, arguments: args });
        assert(replyText.startsWith("PRECONDITION_FAILED - inequivalent arg '"), replyText);
      }
      const channel = await client.channel();
      for (const type of ["b", "B", "s", "u", "I", "i"] as const) {
        const args = { ...ten, "x-message-ttl": field(type, 10) };
        await channel.call("queue.declare", { queue, exclusive: true, arguments: args });
      }
    },
  },
  {
    name: "a queue may be neither durable nor exclusive: it is for all connections",
    async run(broker) {
      const queue = broker.name("queue");
      await (await openChannel(broker)).call("queue.declare", { queue });
      const channel = await openChannel(broker);
      await fill(channel, queue, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "the version of a queue is compared too",
    async run(broker) {
      const client = await broker.client();
      const queue = await ownQueue(broker, await client.channel(), { "x-queue-version": 1 });
      for (const args of [{}, { "x-queue-version": 2 }]) {
        const channel = await client.channel();
        await channel.refused(406, "queue.declare", { queue, exclusive: true, arguments: args });
      }
    },
  },
  {
    name: "CR and LF are no part of the name of a queue that is declared, bound or deleted",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = broker.name("queue");
      const broken = `\r\n${queue.slice(0, 3)}\n${queue.slice(3)}\r`;
      assertEquals((await channel.call("queue.declare", { queue: broken, exclusive: true })).queue, queue);
      for (const name of [broken, queue]) {
        assertEquals((await channel.call("queue.declare", { queue: name, passive: true })).queue, queue);
      }
      await channel.call("queue.bind", { queue: broken, exchange: "amq.\ndirect", routingKey: queue });
      await channel.publish({ exchange: "amq.direct", routingKey: queue }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
      await channel.call("queue.unbind", { queue: broken, exchange: "amq.\ndirect", routingKey: queue });
      await channel.publishConfirmed({ exchange: "amq.direct", routingKey: queue, mandatory: true }, "two");
      assertEquals((await channel.returns.next(5_000)).text, "two");
      await fill(channel, queue, "three");
      assertEquals((await channel.call("queue.delete", { queue: broken })).messageCount, 1);
    },
  },
  {
    name: "CR and LF are part of a name that is published to, consumed, got from or purged",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await ownQueue(broker, channel);
      const broken = `${queue}\n`;
      await channel.publishConfirmed({ routingKey: broken, mandatory: true }, "one");
      assertEquals((await channel.returns.next(5_000)).text, "one");
      await (await client.channel()).refused(404, "basic.consume", { queue: broken });
      await (await client.channel()).refused(404, "basic.get", { queue: broken });
      await (await client.channel()).refused(404, "queue.purge", { queue: broken });
    },
  },
  {
    name: "a name of line breaks alone gets one from the broker, and is no name of the last queue",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue } = await channel.call("queue.declare", { queue: "\n", exclusive: true });
      assertMatch(queue, /^amq\.gen-.{10,}$/);
      assertEquals((await channel.call("queue.delete", { queue: "\n" })).messageCount, 0);
      await channel.call("queue.declare", { queue, passive: true });
      await channel.refused(404, "queue.bind", { queue: "\n", exchange: "amq.direct" });
      await (await client.channel()).refused(403, "queue.declare", { queue: "am\nq.conformance", exclusive: true });
    },
  },
  {
    name: "a passive declaration without a name is refused with 404, whatever was declared before",
    async run(broker) {
      const channel = await openChannel(broker);
      await exclusiveQueue(channel);
      await channel.refused(404, "queue.declare", { passive: true });
    },
  },
  {
    name: "an argument that the broker does not know is kept without comparing it",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await ownQueue(broker, channel, { "x-mine": "a" });
      await channel.call("queue.declare", { queue, exclusive: true, arguments: { "x-mine": "b" } });
      await channel.call("queue.declare", { queue, exclusive: true });
    },
  },
  {
    name: "a new queue whose name starts with amq. is refused with 403",
    async run(broker) {
      await (await openChannel(broker)).refused(403, "queue.declare", { queue: "amq.conformance", exclusive: true });
    },
  },
  {
    name: "a queue that the broker named is not declared again, but for a passive declaration",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      await (await client.channel()).call("queue.declare", { queue, passive: true });
      await (await client.channel()).refused(403, "queue.declare", { queue, exclusive: true });
    },
  },
  {
    name: "an exclusive queue is refused with 405 to every other connection",
    async run(broker) {
      const [owner, other] = [await broker.client(), await broker.client()];
      const channel = await owner.channel();
      const queue = await ownQueue(broker, channel);
      await channel.call("queue.bind", { queue, exchange: "amq.fanout" });
      await (await other.channel()).refused(405, "queue.declare", { queue, passive: true });
      await (await other.channel()).refused(405, "queue.declare", { queue, exclusive: true });
      await (await other.channel()).refused(405, "queue.bind", { queue, exchange: "amq.fanout" });
      await (await other.channel()).refused(405, "queue.unbind", { queue, exchange: "amq.fanout" });
      await (await other.channel()).refused(405, "queue.purge", { queue });
      await (await other.channel()).refused(405, "queue.delete", { queue });
      await (await other.channel()).refused(405, "basic.get", { queue });
      await (await other.channel()).refused(405, "basic.consume", { queue });
    },
  },
  {
    name: "another connection may publish to an exclusive queue",
    async run(broker) {
      const [owner, other] = [await openChannel(broker), await openChannel(broker)];
      const queue = await exclusiveQueue(owner);
      await fill(other, queue, "one");
      assertEquals(await drain(owner, queue), ["one"]);
    },
  },
  {
    name: "an exclusive queue is for all channels of its connection and gone with it",
    async run(broker) {
      const owner = await broker.client();
      const queue = await exclusiveQueue(await owner.channel(), {}, { durable: true });
      await counts(await owner.channel(), queue);
      await owner.close();
      await gone(broker, queue);
    },
  },
  {
    name: "an exclusive queue is gone with a TCP connection that breaks",
    async run(broker) {
      const owner = await broker.client();
      const queue = await exclusiveQueue(await owner.channel());
      owner.drop();
      await gone(broker, queue);
    },
  },
  {
    name: "to declare another's queue as exclusive is refused with 405",
    async run(broker) {
      const client = await broker.client();
      const queue = await sharedQueue(broker, await client.channel());
      await (await client.channel()).refused(405, "queue.declare", { queue, durable: true, exclusive: true });
    },
  },
  {
    name: "to declare one's exclusive queue as not exclusive is refused with 405",
    async run(broker) {
      const client = await broker.client();
      const queue = await ownQueue(broker, await client.channel());
      await (await client.channel()).refused(405, "queue.declare", { queue });
    },
  },
  {
    name: "a transient queue outlives its connection",
    async run(broker) {
      const first = await broker.client();
      const queue = broker.name("transient");
      const channel = await first.channel();
      await channel.call("queue.declare", { queue });
      await fill(channel, queue, "one");
      await first.close();
      assertEquals(await drain(await openChannel(broker), queue), ["one"]);
    },
  },
  {
    name: "an auto-delete queue is gone with its last consumer, not before its first",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = broker.name("queue");
      await channel.call("queue.declare", { queue, autoDelete: true });
      const [one, two] = [await channel.consume(queue), await channel.consume(queue)];
      await channel.call("basic.cancel", { consumerTag: one });
      assertEquals((await counts(channel, queue)).consumers, 1);
      await channel.call("basic.cancel", { consumerTag: two });
      await gone(broker, queue);
    },
  },
  {
    name: "an auto-delete queue is gone with the channel of its last consumer",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = broker.name("queue");
      await channel.call("queue.declare", { queue, autoDelete: true });
      await channel.consume(queue);
      await channel.close();
      await gone(broker, queue);
    },
  },
  {
    name: "to delete a queue tells how many messages were in it",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one", "two");
      assertEquals(await channel.call("queue.delete", { queue }), { messageCount: 2 });
      await channel.refused(404, "queue.declare", { queue, passive: true });
    },
  },
  {
    name: "to delete an absent queue is no error and counts 0 messages",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("absent");
      assertEquals(await channel.call("queue.delete", { queue }), { messageCount: 0 });
      assertEquals(await channel.call("queue.delete", { queue, ifUnused: true, ifEmpty: true }), { messageCount: 0 });
    },
  },
  {
    name: "to delete a queue if unused is refused with 406 while it has a consumer",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      const consumerTag = await channel.consume(queue);
      await (await client.channel()).refused(406, "queue.delete", { queue, ifUnused: true });
      await channel.call("basic.cancel", { consumerTag });
      await channel.call("queue.delete", { queue, ifUnused: true });
    },
  },
  {
    name: "to delete a queue if empty is refused with 406 while it has a message",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one");
      await (await client.channel()).refused(406, "queue.delete", { queue, ifEmpty: true });
      await drain(channel, queue);
      await channel.call("queue.delete", { queue, ifEmpty: true });
    },
  },
  {
    name: "a purge counts what was ready and leaves what is unacknowledged",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one", "two", "three");
      const { tag } = await channel.mustGet(queue);
      assertEquals(await channel.call("queue.purge", { queue }), { messageCount: 2 });
      assertEquals(await channel.call("queue.purge", { queue }), { messageCount: 0 });
      await channel.nack(tag, { requeue: true });
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "to purge, get from or consume an absent queue is refused with 404",
    async run(broker) {
      const client = await broker.client();
      const queue = broker.name("absent");
      await (await client.channel()).refused(404, "queue.purge", { queue });
      await (await client.channel()).refused(404, "basic.get", { queue });
      await (await client.channel()).refused(404, "basic.consume", { queue });
    },
  },
  {
    name: "an empty queue name means the queue that the channel declared last",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = "amq.direct";
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { exchange, routingKey: `${queue}.x` });
      await channel.publish({ exchange, routingKey: `${queue}.x` }, "one");
      assertEquals((await channel.mustGet("", true)).text, "one");
      await channel.call("queue.unbind", { exchange, routingKey: `${queue}.x` });
      await channel.publish({ exchange, routingKey: `${queue}.x` }, "two");
      assertEquals(await channel.call("queue.purge"), { messageCount: 0 });
      await channel.consume("");
      await fill(channel, queue, "three");
      assertEquals((await channel.nextDelivery()).text, "three");
      await channel.call("queue.delete");
      await channel.refused(404, "queue.declare", { queue, passive: true });
    },
  },
  {
    name: "an empty queue name and routing key bind the last queue by its name",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { exchange: "amq.direct" });
      await channel.publish({ exchange: "amq.direct", routingKey: queue }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a passive declaration makes its queue the last one too",
    async run(broker) {
      const channel = await openChannel(broker);
      const [one] = [await exclusiveQueue(channel), await exclusiveQueue(channel)];
      await counts(channel, one);
      await fill(channel, one, "one");
      assertEquals((await channel.mustGet("", true)).text, "one");
    },
  },
  {
    name: "an empty queue name without a queue declared before is refused with 404",
    async run(broker) {
      const client = await broker.client();
      await (await client.channel()).refused(404, "queue.bind", { exchange: "amq.direct" });
      await (await client.channel()).refused(404, "queue.purge");
      await (await client.channel()).refused(404, "basic.consume");
      await (await client.channel()).refused(404, "basic.get");
    },
  },
  {
    name: "the messages of a queue come in the order in which they were published",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const texts = Array.from({ length: 200 }, (_, index) => `${index}`);
      for (const text of texts) channel.publish({ routingKey: queue }, text);
      assertEquals(await drain(channel, queue), texts);
    },
  },
];
