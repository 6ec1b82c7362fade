import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import { field, type FieldInput, type TableInput } from "../support/amqp/raw_codec.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import {
  counts,
  declareExchange,
  drain,
  exclusiveQueue,
  fill,
  nextTexts,
  openChannel,
  ownQueue,
  sharedQueue,
  waitFor,
} from "./helpers.ts";

/** Values that the argument must not have, each refused with 406. */
function refused(argument: string, values: FieldInput[], beside: TableInput = {}): ConformanceCase {
  return {
    name: `${argument} with a value that makes no sense is refused with 406`,
    async run(broker) {
      const client = await broker.client();
      for (const value of values) {
        const channel = await client.channel();
        const args = { ...beside, [argument]: value };
        await channel.refused(406, "queue.declare", { queue: broker.name("queue"), durable: true, arguments: args });
      }
    },
  };
}

/** Waits until the queue is empty by itself. */
async function emptied(channel: RawChannel, queue: string): Promise<void> {
  await eventually(async () => (await counts(channel, queue)).messages === 0, { what: `${queue} to be empty` });
}

/** What the arguments of a queue do. */
export const queueArgumentCases: ConformanceCase[] = [
  {
    name: "x-message-ttl drops what has waited that long",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-message-ttl": 60 });
      await fill(channel, queue, "one", "two");
      await emptied(channel, queue);
      assertEquals(await channel.get(queue), undefined);
    },
  },
  {
    name: "x-message-ttl 0 delivers to a consumer that waits and drops otherwise",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-message-ttl": 0 });
      await fill(channel, queue, "lost");
      assertEquals(await channel.get(queue), undefined);
      await channel.consume(queue, { noAck: true });
      await fill(channel, queue, "one");
      assertEquals(await nextTexts(channel, 1), ["one"]);
    },
  },
  {
    name: "the expiration of a message drops it at the head of its queue",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.publishConfirmed({ routingKey: queue }, "one", { expiration: "60" });
      await fill(channel, queue, "two");
      await eventually(async () => (await counts(channel, queue)).messages === 1);
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "a message that expires behind another that does not goes when it reaches the head",
    async run(broker) {
      const channel = await openChannel(broker);
      const [queue, clock] = [await exclusiveQueue(channel), await exclusiveQueue(channel, { "x-message-ttl": 100 })];
      await fill(channel, queue, "one");
      await channel.publishConfirmed({ routingKey: queue }, "two", { expiration: "50" });
      await fill(channel, clock, "tick");
      await emptied(channel, clock);
      assertEquals((await counts(channel, queue)).messages, 2);
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a message that was put back expires when it would have",
    async run(broker) {
      const channel = await openChannel(broker);
      const [queue, clock] = [
        await exclusiveQueue(channel, { "x-message-ttl": 100 }),
        await exclusiveQueue(channel, { "x-message-ttl": 200 }),
      ];
      await fill(channel, queue, "one");
      const { tag } = await channel.mustGet(queue);
      await fill(channel, clock, "tick");
      await emptied(channel, clock);
      await channel.nack(tag, { requeue: true });
      assertEquals(await channel.get(queue), undefined);
    },
  },
  {
    name: "of the expiration and x-message-ttl the shorter counts",
    async run(broker) {
      const channel = await openChannel(broker);
      const [short, long] = [
        await exclusiveQueue(channel, { "x-message-ttl": 60 }),
        await exclusiveQueue(channel, { "x-message-ttl": 60_000 }),
      ];
      await channel.publishConfirmed({ routingKey: short }, "one", { expiration: "60000" });
      await channel.publishConfirmed({ routingKey: long }, "one", { expiration: "60" });
      await emptied(channel, short);
      await emptied(channel, long);
    },
  },
  {
    name: "an expiration that is no number of milliseconds is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      for (const expiration of ["soon", "-1", "1.5", "", "10ms", "999999999999"]) {
        const channel = await client.channel();
        await channel.publish({ routingKey: queue }, "one", { expiration });
        await channel.expectClose(406, "basic.publish");
      }
    },
  },
  {
    name: "what is unacknowledged does not expire",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-message-ttl": 150 });
      await fill(channel, queue, "one", "two");
      const { tag } = await channel.mustGet(queue);
      await emptied(channel, queue);
      await channel.ack(tag);
      await counts(channel, queue);
    },
  },
  {
    name: "x-expires deletes a queue that nobody uses",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await sharedQueue(broker, channel, { "x-expires": 60 });
      await eventually(async () => {
        const probe = await client.channel();
        // To bind is no use of a queue, a passive declaration would be one.
        const outcome = await probe.call("queue.bind", { queue, exchange: "amq.fanout" }).catch(() => "gone");
        return outcome === "gone";
      });
    },
  },
  {
    name: "x-expires leaves a queue that has a consumer",
    async run(broker) {
      const channel = await openChannel(broker);
      const [used, unused] = [
        await sharedQueue(broker, channel, { "x-expires": 150 }),
        await sharedQueue(broker, channel, { "x-expires": 300 }),
      ];
      await channel.consume(used);
      const client = await broker.client();
      await eventually(async () =>
        await (await client.channel()).call("queue.bind", { queue: unused, exchange: "amq.fanout" })
          .catch(() => "gone") === "gone"
      );
      assertEquals((await counts(channel, used)).consumers, 1);
    },
  },
  {
    name: "x-expires starts again with every get",
    async run(broker) {
      const channel = await openChannel(broker);
      const [queue, clock] = [
        await sharedQueue(broker, channel, { "x-expires": 200 }),
        await exclusiveQueue(channel, { "x-message-ttl": 350 }),
      ];
      await fill(channel, clock, "tick");
      await eventually(async () => {
        await channel.get(queue);
        return (await counts(channel, clock)).messages === 0;
      });
      await counts(channel, queue);
    },
  },
  {
    name: "x-max-length drops the oldest",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-length": 2 });
      await fill(channel, queue, "one", "two", "three", "four");
      assertEquals(await drain(channel, queue), ["three", "four"]);
    },
  },
  {
    name: "x-max-length counts what is ready, not what is unacknowledged",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-length": 1 });
      await fill(channel, queue, "one");
      const { tag } = await channel.mustGet(queue);
      await fill(channel, queue, "two");
      assertEquals((await counts(channel, queue)).messages, 1);
      await channel.ack(tag);
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "x-max-length 0 keeps nothing but what a consumer takes at once",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-length": 0 });
      await fill(channel, queue, "lost");
      assertEquals(await channel.get(queue), undefined);
      await channel.consume(queue, { noAck: true });
      await fill(channel, queue, "one");
      assertEquals(await nextTexts(channel, 1), ["one"]);
    },
  },
  {
    name: "x-max-length-bytes counts the bytes of bodies",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-length-bytes": 10 });
      await fill(channel, queue, "aaaa", "bbbb", "cc", "d");
      assertEquals(await drain(channel, queue), ["bbbb", "cc", "d"]);
      await fill(channel, queue, "longer than that");
      assertEquals(await drain(channel, queue), []);
    },
  },
  {
    name: "x-overflow drop-head sends the oldest to the dead letters, as maxlen",
    async run(broker) {
      const channel = await openChannel(broker);
      const dead = await exclusiveQueue(channel);
      const queue = await exclusiveQueue(channel, {
        "x-max-length": 1,
        "x-overflow": "drop-head",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
      });
      await fill(channel, queue, "one", "two");
      const got = await waitFor(channel, dead);
      assertEquals([got.text, got.headers["x-first-death-reason"]], ["one", "maxlen"]);
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "x-overflow reject-publish refuses the newest, with a nack where confirms are on",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-length": 1, "x-overflow": "reject-publish" });
      const kinds: string[] = [];
      for (const text of ["one", "two"]) {
        kinds.push((await channel.publishConfirmed({ routingKey: queue }, text)).kind);
      }
      assertEquals(kinds, ["ack", "nack"]);
      assertEquals(await drain(channel, queue), ["one"]);
      assertEquals((await channel.publishConfirmed({ routingKey: queue }, "three")).kind, "ack");
    },
  },
  {
    name: "one queue that refuses a message makes a nack, and the other queues have it",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout");
      const full = await exclusiveQueue(channel, { "x-max-length": 0, "x-overflow": "reject-publish" });
      const free = await exclusiveQueue(channel);
      for (const queue of [full, free]) await channel.call("queue.bind", { queue, exchange });
      assertEquals((await channel.publishConfirmed({ exchange }, "one")).kind, "nack");
      assertEquals(await drain(channel, free), ["one"]);
    },
  },
  {
    name: "x-overflow reject-publish-dlx sends what it refuses to the dead letters",
    async run(broker) {
      const channel = await openChannel(broker);
      const dead = await exclusiveQueue(channel);
      const queue = await exclusiveQueue(channel, {
        "x-max-length": 1,
        "x-overflow": "reject-publish-dlx",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
      });
      assertEquals((await channel.publishConfirmed({ routingKey: queue }, "one")).kind, "ack");
      assertEquals((await channel.publishConfirmed({ routingKey: queue }, "two")).kind, "nack");
      const got = await waitFor(channel, dead);
      assertEquals([got.text, got.headers["x-first-death-reason"]], ["two", "maxlen"]);
    },
  },
  {
    name: "x-max-priority delivers the highest priority first, and within one in order",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-priority": 5 });
      const priorities = [undefined, 1, 5, 9, 0, 3, 5, 1];
      for (const [index, priority] of priorities.entries()) {
        await channel.publishConfirmed({ routingKey: queue }, `${priority}:${index}`, { priority });
      }
      assertEquals(await drain(channel, queue), ["5:2", "9:3", "5:6", "3:5", "1:1", "1:7", "undefined:0", "0:4"]);
    },
  },
  {
    name: "x-max-length drops the highest priority first, for it is the head",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-priority": 5, "x-max-length": 1 });
      await channel.publishConfirmed({ routingKey: queue }, "high", { priority: 5 });
      await channel.publishConfirmed({ routingKey: queue }, "low", { priority: 1 });
      assertEquals(await drain(channel, queue), ["low"]);
    },
  },
  {
    name: "a requeued message comes back before those of its priority",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-priority": 2 });
      await channel.publishConfirmed({ routingKey: queue }, "high one", { priority: 2 });
      await channel.publishConfirmed({ routingKey: queue }, "high two", { priority: 2 });
      await channel.publishConfirmed({ routingKey: queue }, "low", { priority: 1 });
      const { tag } = await channel.mustGet(queue);
      await channel.nack(tag, { requeue: true });
      assertEquals(await drain(channel, queue), ["high one", "high two", "low"]);
    },
  },
  {
    name: "x-single-active-consumer delivers to the oldest consumer alone, then to the next",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-single-active-consumer": true });
      for (const consumerTag of ["a", "b", "c"]) await channel.consume(queue, { consumerTag, noAck: true });
      await fill(channel, queue, "1", "2", "3");
      assertEquals(await nextTexts(channel, 3, "a"), ["1", "2", "3"]);
      await channel.call("basic.cancel", { consumerTag: "a" });
      await fill(channel, queue, "4");
      assertEquals(await nextTexts(channel, 1, "b"), ["4"]);
    },
  },
  {
    name: "x-single-active-consumer passes on when the active consumer's connection breaks, with what it had",
    async run(broker) {
      const [first, second] = [await broker.client(), await broker.client()];
      const [one, two] = [await first.channel(), await second.channel()];
      const queue = await sharedQueue(broker, one, { "x-single-active-consumer": true });
      await one.consume(queue);
      await two.consume(queue);
      await fill(two, queue, "1", "2");
      assertEquals(await nextTexts(one, 2), ["1", "2"]);
      assertEquals(two.deliveries.size, 0);
      first.drop();
      assertEquals(await nextTexts(two, 2), ["1", "2"]);
    },
  },
  {
    name: "an exclusive consumer of a queue with x-single-active-consumer is refused with 403",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-single-active-consumer": true });
      await channel.refused(403, "basic.consume", { queue, exclusive: true });
    },
  },
  {
    name: "a number in an argument may have any width",
    async run(broker) {
      const channel = await openChannel(broker);
      const numbers = [
        field("b", 1),
        field("B", 1),
        field("s", 1),
        field("u", 1),
        field("I", 1),
        field("i", 1),
        field("l", 1n),
      ];
      for (const number of numbers) {
        const queue = await exclusiveQueue(channel, { "x-max-length": number });
        await fill(channel, queue, "one", "two");
        assertEquals(await drain(channel, queue), ["two"]);
      }
    },
  },
  {
    name: "a queue that is full drops what is put back",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-max-length": 1 });
      await fill(channel, queue, "one");
      const { tag } = await channel.mustGet(queue);
      await fill(channel, queue, "two");
      await channel.nack(tag, { requeue: true });
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "x-queue-type classic is the type of a queue without one",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await ownQueue(broker, channel);
      await channel.call("queue.declare", { queue, exclusive: true, arguments: { "x-queue-type": "classic" } });
    },
  },
  {
    name: "x-queue-mode lazy makes no difference to what is delivered",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-queue-mode": "lazy" });
      await fill(channel, queue, "one", "two");
      assertEquals(await drain(channel, queue), ["one", "two"]);
    },
  },
  refused("x-message-ttl", [-1, "soon", 1.5, true, 2 ** 40]),
  refused("x-expires", [0, -1, "soon", 1.5, 2 ** 40]),
  refused("x-max-length", [-1, "many", 1.5]),
  refused("x-max-length-bytes", [-1, "many", 1.5]),
  refused("x-overflow", ["spill", 1]),
  refused("x-max-priority", [-1, "high", 256]),
  refused("x-dead-letter-exchange", [1, true]),
  refused("x-dead-letter-routing-key", [1], { "x-dead-letter-exchange": "" }),
  refused("x-queue-type", ["fast", 1]),
  refused("x-single-active-consumer", ["yes", 1]),
  refused("x-queue-mode", ["busy", 1]),
  {
    name: "a dead letter routing key without a dead letter exchange is refused with 406",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.refused(406, "queue.declare", {
        queue: broker.name("queue"),
        exclusive: true,
        arguments: { "x-dead-letter-routing-key": "a" },
      });
    },
  },
];
