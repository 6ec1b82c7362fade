import { assert, assertEquals } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import type { Field, PlainTable, Table, TableInput } from "../support/amqp/raw_codec.ts";
import type { Broker, ConformanceCase } from "./conformance_case.ts";
import {
  declareExchange,
  drain,
  exclusiveQueue,
  fill,
  nextTexts,
  openChannel,
  ownQueue,
  settled,
  waitFor,
} from "./helpers.ts";

interface Pair {
  channel: RawChannel;
  queue: string;
  dead: string;
}

/** A queue whose dead letters go to another queue through the default exchange. */
async function pair(broker: Broker, args: TableInput = {}): Promise<Pair> {
  const channel = await openChannel(broker);
  const dead = await exclusiveQueue(channel);
  const queue = await exclusiveQueue(channel, {
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": dead,
    ...args,
  });
  return { channel, queue, dead };
}

function deaths(message: { headers: PlainTable }): PlainTable[] {
  return message.headers["x-death"] as PlainTable[];
}

/** Takes the message of the queue and rejects it. */
async function rejectNext(channel: RawChannel, queue: string): Promise<void> {
  await channel.reject((await channel.mustGet(queue)).tag);
}

/** Dead letters: why, where to, and what is written on them. */
export const deadLetterCases: ConformanceCase[] = [
  {
    name: "a rejected message goes to the dead letters with the reason rejected",
    async run(broker) {
      for (const settle of ["reject", "nack"] as const) {
        const { channel, queue, dead } = await pair(broker);
        await fill(channel, queue, "one");
        await channel[settle]((await channel.mustGet(queue)).tag);
        const got = await waitFor(channel, dead);
        assertEquals([got.text, got.headers["x-first-death-reason"]], ["one", "rejected"]);
      }
    },
  },
  {
    name: "a multiple nack sends all its messages to the dead letters in their order",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await fill(channel, queue, "one", "two", "three");
      for (let count = 0; count < 3; count++) await channel.mustGet(queue);
      await channel.nack(3, { multiple: true });
      await channel.consume(dead, { noAck: true });
      assertEquals(await nextTexts(channel, 3), ["one", "two", "three"]);
    },
  },
  {
    name: "a message that has expired goes to the dead letters with the reason expired",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker, { "x-message-ttl": 50 });
      await fill(channel, queue, "one");
      assertEquals((await waitFor(channel, dead)).headers["x-first-death-reason"], "expired");
    },
  },
  {
    name: "messages that have expired go to the dead letters in their order",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker, { "x-message-ttl": 50 });
      await fill(channel, queue, "one", "two", "three");
      await channel.consume(dead, { noAck: true });
      assertEquals(await nextTexts(channel, 3), ["one", "two", "three"]);
    },
  },
  {
    name: "a purge and a delete send nothing to the dead letters",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await fill(channel, queue, "one", "two");
      await channel.call("queue.purge", { queue });
      await fill(channel, queue, "three");
      await channel.call("queue.delete", { queue });
      await settled(channel, dead);
      assertEquals(await drain(channel, dead), []);
    },
  },
  {
    name: "an ack sends nothing to the dead letters",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await fill(channel, queue, "one");
      await channel.ack((await channel.mustGet(queue)).tag);
      await settled(channel, queue);
      assertEquals(await drain(channel, dead), []);
    },
  },
  {
    name: "x-death tells queue, reason, count, exchange, routing keys and time, each with its type",
    async run(broker) {
      const channel = await openChannel(broker);
      const dead = await exclusiveQueue(channel);
      const exchange = await declareExchange(broker, channel, "topic");
      const queue = await exclusiveQueue(channel, {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
      });
      await channel.call("queue.bind", { queue, exchange, routingKey: "a.*" });
      const before = Math.floor(Date.now() / 1000);
      await channel.publishConfirmed({ exchange, routingKey: "a.b" }, "one", { headers: { mine: 1 } });
      await rejectNext(channel, queue);
      const got = await waitFor(channel, dead);
      const [death] = deaths(got);
      const { time, ...rest } = death;
      assertEquals(rest, { count: 1, reason: "rejected", queue, exchange, "routing-keys": ["a.b"] });
      assert(Number(time) >= before && Number(time) <= before + 10);
      const typed = (got.properties.headers!["x-death"].value as Field[])[0].value as Table;
      const types = Object.fromEntries(Object.entries(typed).map(([name, { type }]) => [name, type]));
      assertEquals(types, { count: "l", reason: "S", queue: "S", time: "T", exchange: "S", "routing-keys": "A" });
      const { "x-death": _, ...others } = got.headers;
      assertEquals(others, {
        mine: 1,
        "x-first-death-exchange": exchange,
        "x-first-death-queue": queue,
        "x-first-death-reason": "rejected",
      });
      assertEquals([got.envelope.exchange, got.envelope.routingKey, got.redelivered], ["", dead, false]);
    },
  },
  {
    name: "a dead letter keeps its other properties",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      const properties = {
        contentType: "text/plain",
        deliveryMode: 2,
        priority: 3,
        correlationId: "c",
        replyTo: "r",
        messageId: "m",
        timestamp: 12n,
        type: "t",
        appId: "a",
      };
      await channel.publishConfirmed({ routingKey: queue }, "one", properties);
      await rejectNext(channel, queue);
      const { headers: _, ...kept } = (await waitFor(channel, dead)).properties;
      assertEquals(kept, properties);
    },
  },
  {
    name: "the same queue and reason again raise the count, in one entry that comes first",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await fill(channel, queue, "one");
      for (let count = 1; count <= 3; count++) {
        await rejectNext(channel, queue);
        const got = await waitFor(channel, dead);
        assertEquals(deaths(got).map((death) => death.count), [count]);
        await channel.publishConfirmed({ routingKey: queue }, got.body, got.propertyBytes);
      }
    },
  },
  {
    name: "deaths in other queues or for other reasons have entries of their own, the latest first",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      const second = await exclusiveQueue(channel, {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-message-ttl": 0,
      });
      await fill(channel, second, "one");
      await channel.reject((await waitForGet(channel, queue)).tag);
      let got = await waitFor(channel, dead);
      const seen = () => deaths(got).map((death) => [death.queue, death.reason, death.count]);
      assertEquals(seen(), [[queue, "rejected", 1], [second, "expired", 1]]);
      assertEquals([got.headers["x-first-death-queue"], got.headers["x-first-death-reason"]], [second, "expired"]);
      await channel.publishConfirmed({ routingKey: second }, got.body, got.propertyBytes);
      await channel.reject((await waitForGet(channel, queue)).tag);
      got = await waitFor(channel, dead);
      assertEquals(seen(), [[queue, "rejected", 2], [second, "expired", 2]]);
    },
  },
  {
    name: "entries of deaths that a client repeats are merged: the first one stays, counted where it has no count",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      const other = (reason: string, more: TableInput = {}): TableInput => ({ queue: "other", reason, ...more });
      const own = (more: TableInput): TableInput => ({ queue, reason: "rejected", ...more });
      const lists: [given: TableInput[], wanted: PlainTable[]][] = [
        [[other("rejected", { count: 2n }), other("rejected", { count: 5n })], [{ reason: "rejected", count: 2 }]],
        [[other("rejected", { n: 1 }), other("rejected", { n: 2 })], [{ reason: "rejected", count: 2, n: 1 }]],
        [
          [other("rejected"), other("expired"), other("rejected"), other("rejected")],
          [{ reason: "expired", count: 1 }, { reason: "rejected", count: 3 }],
        ],
        [[own({ n: 1 }), other("maxlen"), own({ n: 2 })], [{ reason: "maxlen", count: 1 }]],
      ];
      const firsts = [1, 1, 1, 3];
      for (const [index, [given, wanted]] of lists.entries()) {
        await channel.publishConfirmed({ routingKey: queue }, "one", { headers: { "x-death": given } });
        await rejectNext(channel, queue);
        const [first, ...others] = deaths(await waitFor(channel, dead));
        assertEquals([first.queue, first.reason, first.count], [queue, "rejected", firsts[index]]);
        // Those before are in another order each time on RabbitMQ.
        others.sort((a, b) => String(a.reason) < String(b.reason) ? -1 : 1);
        assertEquals(others, wanted.map((death) => ({ queue: "other", ...death })));
      }
    },
  },
  {
    name: "where a message died first is noted with its first death alone",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      const first = async (headers: TableInput) => {
        await channel.publishConfirmed({ routingKey: queue }, "one", { headers });
        await rejectNext(channel, queue);
        return (await waitFor(channel, dead)).headers["x-first-death-queue"];
      };
      assertEquals(await first({ "x-first-death-queue": "mine" }), queue);
      assertEquals(await first({ "x-death": [] }), undefined);
      assertEquals(await first({ "x-death": [], "x-first-death-queue": "mine" }), "mine");
    },
  },
  {
    name: "without a dead letter routing key the message keeps its own, and CC too",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "topic");
      const dead = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue: dead, exchange, routingKey: "#" });
      const queue = await exclusiveQueue(channel, { "x-dead-letter-exchange": exchange });
      await channel.publishConfirmed({ routingKey: queue }, "one", { headers: { CC: ["copy"] } });
      await rejectNext(channel, queue);
      const got = await waitFor(channel, dead);
      assertEquals([got.envelope.exchange, got.envelope.routingKey], [exchange, queue]);
      assertEquals(deaths(got)[0]["routing-keys"], [queue, "copy"]);
      assertEquals(got.headers.CC, ["copy"]);
    },
  },
  {
    name: "a blind copy's key is not written into x-death",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await channel.publishConfirmed({ routingKey: queue }, "one", { headers: { CC: ["copy"], BCC: ["blind"] } });
      await rejectNext(channel, queue);
      const got = await waitFor(channel, dead);
      assertEquals([deaths(got)[0]["routing-keys"], got.headers.BCC], [[queue, "copy"], undefined]);
    },
  },
  {
    name: "a dead letter routing key takes the place of the routing key and of CC",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await channel.publishConfirmed({ routingKey: queue }, "one", { headers: { CC: ["copy"] } });
      await rejectNext(channel, queue);
      const got = await waitFor(channel, dead);
      assertEquals([got.envelope.routingKey, got.headers.CC], [dead, undefined]);
      assertEquals(deaths(got)[0]["routing-keys"], [queue, "copy"]);
    },
  },
  {
    name: "the expiration is taken off a dead letter and written into x-death",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      await channel.publishConfirmed({ routingKey: queue }, "one", { expiration: "50" });
      const got = await waitFor(channel, dead);
      assertEquals(got.properties.expiration, undefined);
      assertEquals([deaths(got)[0].reason, deaths(got)[0]["original-expiration"]], ["expired", "50"]);
    },
  },
  {
    name: "a dead letter exchange that does not exist drops the message",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel, { "x-dead-letter-exchange": broker.name("absent") });
      await fill(channel, queue, "one", "two");
      await rejectNext(channel, queue);
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "a dead letter exchange may be declared after its queue",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = broker.name("exchange");
      const queue = await exclusiveQueue(channel, { "x-dead-letter-exchange": exchange });
      const dead = await exclusiveQueue(channel);
      await channel.call("exchange.declare", { exchange, type: "fanout" });
      await channel.call("queue.bind", { queue: dead, exchange });
      await fill(channel, queue, "one");
      await rejectNext(channel, queue);
      assertEquals((await waitFor(channel, dead)).text, "one");
    },
  },
  {
    name: "a message that expires is not put into the same queue again, other queues get it",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("queue");
      const exchange = await declareExchange(broker, channel, "fanout");
      await channel.call("queue.declare", {
        queue,
        exclusive: true,
        arguments: { "x-dead-letter-exchange": exchange, "x-message-ttl": 20 },
      });
      const copies = await exclusiveQueue(channel);
      for (const bound of [queue, copies]) await channel.call("queue.bind", { queue: bound, exchange });
      await fill(channel, queue, "one");
      assertEquals(deaths(await waitFor(channel, copies))[0].count, 1);
      assertEquals(await drain(channel, queue), []);
    },
  },
  {
    name: "a message that is rejected around a circle of queues goes on",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("queue");
      await channel.call("queue.declare", {
        queue,
        exclusive: true,
        arguments: { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue },
      });
      await fill(channel, queue, "one");
      for (let count = 0; count < 3; count++) await channel.reject((await waitForGet(channel, queue)).tag);
      const got = await waitFor(channel, queue);
      assertEquals(deaths(got).map((death) => death.count), [3]);
    },
  },
  {
    name: "an x-death that the publisher made up is kept and counted on",
    async run(broker) {
      const { channel, queue, dead } = await pair(broker);
      const headers = { "x-death": [{ queue: "elsewhere", reason: "expired", count: 5n }] };
      await channel.publishConfirmed({ routingKey: queue }, "one", { headers });
      await rejectNext(channel, queue);
      const got = await waitFor(channel, dead);
      assertEquals(deaths(got).map((death) => [death.queue, death.count]), [[queue, 1], ["elsewhere", 5]]);
    },
  },
  {
    name: "retries through a delay queue come back with their count",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await ownQueue(broker, channel);
      const delay = await exclusiveQueue(channel, {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
      });
      await channel.consume(queue, { noAck: true });
      let properties: Uint8Array | TableInput = {};
      for (let count = 1; count <= 3; count++) {
        await channel.publish({ routingKey: delay }, "one", { expiration: "20", headers: properties as TableInput });
        const got = await channel.nextDelivery();
        assertEquals(deaths(got).map((death) => [death.queue, death.count]), [[delay, count]]);
        properties = got.properties.headers!;
      }
    },
  },
];

/** As `mustGet`, for a message that is on its way. */
async function waitForGet(channel: RawChannel, queue: string) {
  const consumerTag = await channel.consume(queue);
  const delivery = await channel.nextDelivery(undefined, consumerTag);
  await channel.call("basic.cancel", { consumerTag });
  return delivery;
}
