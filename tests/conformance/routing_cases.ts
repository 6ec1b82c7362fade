import { assertEquals } from "@std/assert";
import { field, type TableInput } from "../support/amqp/raw_codec.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { declareExchange, drain, exclusiveQueue, openChannel } from "./helpers.ts";

/** Which of the routing keys reach a queue that is bound to a topic exchange with `pattern`. */
function topic(pattern: string, matching: string[], others: string[]): ConformanceCase {
  return {
    name: `the topic pattern ${JSON.stringify(pattern)} matches what it should`,
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "topic");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange, routingKey: pattern });
      for (const routingKey of [...matching, ...others]) await channel.publish({ exchange, routingKey }, routingKey);
      assertEquals(await drain(channel, queue), matching);
    },
  };
}

/** Which headers reach a queue that is bound to a headers exchange with `args`. */
function headers(name: string, args: TableInput, matching: TableInput[], others: TableInput[]): ConformanceCase {
  return {
    name,
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "headers");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange, arguments: args });
      const all = [...matching, ...others];
      for (const [index, headers] of all.entries()) await channel.publish({ exchange }, `${index}`, { headers });
      assertEquals(await drain(channel, queue), matching.map((_, index) => `${index}`));
    },
  };
}

/** How messages find their queues. */
export const routingCases: ConformanceCase[] = [
  {
    name: "a direct exchange compares the routing key whole",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange, routingKey: "a.b" });
      for (const routingKey of ["a", "a.b", "a.*", "#", "A.B", ""]) {
        await channel.publish({ exchange, routingKey }, routingKey);
      }
      assertEquals(await drain(channel, queue), ["a.b"]);
    },
  },
  {
    name: "a fanout exchange sends one copy to every queue, whatever the routing key",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout");
      const queues = [await exclusiveQueue(channel), await exclusiveQueue(channel)];
      for (const queue of queues) {
        await channel.call("queue.bind", { queue, exchange, routingKey: "a" });
        await channel.call("queue.bind", { queue, exchange, routingKey: "b" });
      }
      await channel.publish({ exchange, routingKey: "c" }, "one");
      for (const queue of queues) assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "one message reaches a queue once, however many bindings match",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "topic");
      const queue = await exclusiveQueue(channel);
      for (const routingKey of ["#", "a.*", "a.b"]) await channel.call("queue.bind", { queue, exchange, routingKey });
      await channel.publish({ exchange, routingKey: "a.b" }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a binding that is made twice is one binding, gone with one unbind",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange, routingKey: "a" });
      await channel.call("queue.bind", { queue, exchange, routingKey: "a" });
      await channel.publish({ exchange, routingKey: "a" }, "one");
      await channel.call("queue.unbind", { queue, exchange, routingKey: "a" });
      await channel.publish({ exchange, routingKey: "a" }, "two");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "bindings that differ by their arguments alone are two",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange, routingKey: "a", arguments: { n: 1 } });
      await channel.call("queue.bind", { queue, exchange, routingKey: "a", arguments: { n: 2 } });
      await channel.call("queue.unbind", { queue, exchange, routingKey: "a", arguments: { n: 1 } });
      await channel.publish({ exchange, routingKey: "a" }, "one");
      await channel.call("queue.unbind", { queue, exchange, routingKey: "a", arguments: { n: 2 } });
      await channel.publish({ exchange, routingKey: "a" }, "two");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "bindings whose arguments differ by their types alone are two",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout");
      const queue = await exclusiveQueue(channel);
      const bind = { queue, exchange };
      await channel.call("queue.bind", { ...bind, arguments: { n: 1, m: "a" } });
      for (const other of [1n, field("s", 1), field("d", 1), "1"]) {
        await channel.call("queue.unbind", { ...bind, arguments: { n: other, m: "a" } });
      }
      await channel.publish({ exchange }, "one");
      await channel.call("queue.unbind", { ...bind, arguments: { m: "a", n: 1 } });
      await channel.publish({ exchange }, "two");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "to unbind what is not bound, or absent, is no error",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.unbind", { queue, exchange: "amq.direct", routingKey: "never" });
      await channel.call("queue.unbind", { queue, exchange: broker.name("absent"), routingKey: "a" });
      await channel.call("queue.unbind", { queue: broker.name("absent"), exchange: "amq.direct", routingKey: "a" });
    },
  },
  {
    name: "to bind an absent queue or exchange is refused with 404",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      const exchange = await declareExchange(broker, await client.channel(), "direct");
      const absent = broker.name("absent");
      await (await client.channel()).refused(404, "queue.bind", { queue: absent, exchange: "amq.direct" });
      await (await client.channel()).refused(404, "queue.bind", { queue, exchange: absent });
      await (await client.channel()).refused(404, "exchange.bind", { source: absent, destination: exchange });
      await (await client.channel()).refused(404, "exchange.bind", { source: exchange, destination: absent });
    },
  },
  {
    name: "exchanges are bound to exchanges and unbound, by the rules of the source",
    async run(broker) {
      const channel = await openChannel(broker);
      const source = await declareExchange(broker, channel, "topic");
      const destination = await declareExchange(broker, channel, "direct");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange: destination, routingKey: "a.b" });
      await channel.call("exchange.bind", { source, destination, routingKey: "a.#" });
      for (const routingKey of ["a.b", "a.c", "b"]) await channel.publish({ exchange: source, routingKey }, routingKey);
      await channel.call("exchange.unbind", { source, destination, routingKey: "a.#" });
      await channel.publish({ exchange: source, routingKey: "a.b" }, "late");
      const got = await channel.mustGet(queue, true);
      assertEquals([got.text, got.envelope.exchange], ["a.b", source]);
      assertEquals(await drain(channel, queue), []);
    },
  },
  {
    name: "exchanges that are bound in a circle give one copy",
    async run(broker) {
      const channel = await openChannel(broker);
      const [one, two] = [
        await declareExchange(broker, channel, "fanout"),
        await declareExchange(broker, channel, "fanout"),
      ];
      const queue = await exclusiveQueue(channel);
      await channel.call("exchange.bind", { source: one, destination: two });
      await channel.call("exchange.bind", { source: two, destination: one });
      for (const exchange of [one, two]) await channel.call("queue.bind", { queue, exchange });
      await channel.publish({ exchange: one }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "an exchange may be bound to itself",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout");
      const queue = await exclusiveQueue(channel);
      await channel.call("exchange.bind", { source: exchange, destination: exchange });
      await channel.call("queue.bind", { queue, exchange });
      await channel.publish({ exchange }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "to unbind exchanges that are not bound is no error",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout");
      await channel.call("exchange.unbind", { source: "amq.topic", destination: exchange, routingKey: "never" });
      await channel.call("exchange.unbind", { source: broker.name("absent"), destination: exchange });
    },
  },
  topic("#", ["", "a", "a.b", "a.b.c", "."], []),
  topic("*", ["a", "ab"], ["", "a.b", "."]),
  topic("", [""], ["a", "."]),
  topic("a", ["a"], ["", "b", "a.b", "a."]),
  topic("a.*", ["a.b", "a."], ["a", "a.b.c", "b.a"]),
  topic("*.b", ["a.b", ".b"], ["b", "a.a.b", "a.b.c"]),
  topic("a.#", ["a", "a.b", "a.b.c", "a."], ["b", "ab", "b.a"]),
  topic("#.c", ["c", "b.c", "a.b.c", ".c"], ["c.d", "cc", ""]),
  topic("a.#.z", ["a.z", "a.b.z", "a.b.c.z", "a..z"], ["a", "z", "a.z.b"]),
  topic("a.*.z", ["a.b.z", "a..z"], ["a.z", "a.b.c.z"]),
  topic("*.*", ["a.b", "."], ["a", "a.b.c"]),
  topic("#.#", ["", "a", "a.b.c"], []),
  topic("*.#", ["a", "a.b", "a.b.c"], []),
  topic("#.*", ["a", "a.b", "a.b.c"], []),
  topic("#.a.#", ["a", "b.a", "a.b", "c.a.b"], ["", "b", "aa"]),
  topic("#.a.#.b", ["a.b", "a.a.b", "x.a.y.b", "a.b.b"], ["b.a", "a", "b"]),
  topic("a.**", ["a.**"], ["a.b", "a.*.*"]),
  topic("a*", ["a*"], ["ab", "a"]),
  headers(
    "a headers binding without x-match wants all of its headers",
    { a: "1", b: 2 },
    [{ a: "1", b: 2 }, { b: 2, a: "1", c: true }],
    [{ a: "1" }, { a: "1", b: 3 }, {}, { a: "1", B: 2 }],
  ),
  headers(
    "x-match all wants all headers",
    { "x-match": "all", a: "1", b: "2" },
    [{ a: "1", b: "2" }],
    [{ a: "1" }, { b: "2" }, {}],
  ),
  headers(
    "x-match any wants one header",
    { "x-match": "any", a: "1", b: "2" },
    [{ a: "1" }, { b: "2", a: "0" }, { a: "1", b: "2" }],
    [{ a: "2", b: "1" }, {}],
  ),
  headers(
    "headers whose names start with x- do not count for all and any",
    { "x-match": "all", "x-a": "1", b: "2" },
    [{ b: "2" }, { "x-a": "other", b: "2" }],
    [{ "x-a": "1" }],
  ),
  headers(
    "x-match any with x- headers alone matches nothing",
    { "x-match": "any", "x-a": "1" },
    [],
    [{ "x-a": "1" }, {}],
  ),
  headers(
    "x-match all-with-x counts x- headers too",
    { "x-match": "all-with-x", "x-a": "1", b: "2" },
    [{ "x-a": "1", b: "2" }],
    [{ b: "2" }, { "x-a": "1" }],
  ),
  headers(
    "x-match any-with-x counts x- headers too",
    { "x-match": "any-with-x", "x-a": "1", b: "2" },
    [{ "x-a": "1" }, { b: "2" }],
    [{ "x-a": "2" }, {}],
  ),
  headers("x-match all without headers matches everything", { "x-match": "all" }, [{}, { a: 1 }], []),
  headers("x-match any without headers matches nothing", { "x-match": "any" }, [], [{}, { a: 1 }]),
  headers(
    "a header that is void in the binding has to be there, with any value",
    { a: null },
    [{ a: 1 }, { a: "x" }, { a: null }],
    [{}, { b: 1 }],
  ),
  headers("a time in a header is its seconds", { a: 5 }, [{ a: field("T", 5n) }], [{ a: field("T", 6n) }]),
  headers("a text in a header may be bytes too", { a: "1" }, [{ a: "1" }, { a: field("x", Uint8Array.of(49)) }], [{
    a: 1,
  }, { a: true }]),
  headers(
    "a number in a header has any width",
    { a: field("I", 1) },
    [{ a: field("I", 1) }, { a: field("l", 1n) }, { a: field("b", 1) }, { a: field("d", 1) }],
    [{ a: field("l", 2n) }, { a: field("S", "1") }, { a: field("t", true) }],
  ),
  {
    name: "a message without any headers reaches a headers binding that wants none",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "headers");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange });
      await channel.publish({ exchange }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "an x-match that does not exist, or is no text, is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      for (const match of ["some", 1]) {
        const channel = await client.channel();
        await channel.refused(406, "queue.bind", { queue, exchange: "amq.headers", arguments: { "x-match": match } });
      }
    },
  },
];
