import { assertEquals } from "@std/assert";
import { field, type TableInput } from "../support/amqp/raw_codec.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { declareExchange, drain, exclusiveQueue, openChannel } from "./helpers.ts";

/** Exchanges: their declaration and deletion, and what is reserved. */
export const exchangeCases: ConformanceCase[] = [
  {
    name: "the predeclared exchanges are there, durable and of their types",
    async run(broker) {
      const channel = await openChannel(broker);
      const types = {
        "amq.direct": "direct",
        "amq.fanout": "fanout",
        "amq.topic": "topic",
        "amq.headers": "headers",
        "amq.match": "headers",
      };
      for (const [exchange, type] of Object.entries(types)) {
        await channel.call("exchange.declare", { exchange, passive: true });
        await channel.call("exchange.declare", { exchange, type, durable: true });
      }
    },
  },
  {
    name: "an exchange of each type is declared, and declared again",
    async run(broker) {
      const channel = await openChannel(broker);
      for (const type of ["direct", "fanout", "topic", "headers"]) {
        const exchange = await declareExchange(broker, channel, type);
        await channel.call("exchange.declare", { exchange, type });
        await channel.call("exchange.declare", { exchange, passive: true });
      }
    },
  },
  {
    name: "a passive declaration looks at the name alone",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct");
      await channel.call("exchange.declare", { exchange, type: "fanout", passive: true, durable: true });
      await channel.call("exchange.declare", { exchange, type: "no such type", passive: true });
    },
  },
  {
    name: "a passive declaration of an absent exchange is refused with 404",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.refused(404, "exchange.declare", { exchange: broker.name("absent"), passive: true });
    },
  },
  {
    name: "another type, durability, auto-delete, internal or argument than declared is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const exchange = await declareExchange(broker, await client.channel(), "direct");
      const others = [
        { type: "fanout" },
        { durable: true },
        { autoDelete: true },
        { internal: true },
        { arguments: { "alternate-exchange": "amq.fanout" } },
      ];
      for (const other of others) {
        const channel = await client.channel();
        const { replyText } = await channel.refused(406, "exchange.declare", { exchange, type: "direct", ...other });
        assertEquals(replyText.startsWith("PRECONDITION_FAILED - inequivalent arg "), true, replyText);
      }
    },
  },
  {
    name: "arguments that the exchange does not know make no difference",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct", { arguments: { "x-mine": 1 } });
      await channel.call("exchange.declare", { exchange, type: "direct", arguments: { "x-mine": "2" } });
    },
  },
  {
    name: "an unknown type is refused with 503, for the connection",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("exchange.declare", { exchange: broker.name("strange"), type: "no-such-type" });
      await client.expectClose(503, "exchange.declare");
    },
  },
  {
    name: "a new exchange whose name starts with amq. is refused with 403",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.refused(403, "exchange.declare", { exchange: "amq.conformance", type: "direct" });
    },
  },
  {
    name: "to delete a predeclared exchange is refused with 403",
    async run(broker) {
      await (await openChannel(broker)).refused(403, "exchange.delete", { exchange: "amq.direct" });
    },
  },
  {
    name: "the default exchange is not declared, deleted, bound or unbound: 403",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      const exchange = await declareExchange(broker, await client.channel(), "direct");
      await (await client.channel()).refused(403, "exchange.declare", { exchange: "", type: "direct", durable: true });
      await (await client.channel()).refused(403, "exchange.declare", { exchange: "", passive: true });
      await (await client.channel()).refused(403, "exchange.delete", { exchange: "" });
      await (await client.channel()).refused(403, "queue.bind", { queue, exchange: "", routingKey: "a" });
      await (await client.channel()).refused(403, "queue.unbind", { queue, exchange: "", routingKey: queue });
      await (await client.channel()).refused(403, "exchange.bind", { source: "", destination: exchange });
      await (await client.channel()).refused(403, "exchange.bind", { source: exchange, destination: "" });
    },
  },
  {
    name: "the default exchange routes to the queue of the name",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.publish({ exchange: "", routingKey: queue }, "one");
      const got = await channel.mustGet(queue, true);
      assertEquals([got.envelope.exchange, got.envelope.routingKey], ["", queue]);
    },
  },
  {
    name: "to publish to an internal exchange is refused with 403",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout", { internal: true });
      await channel.publish({ exchange });
      await channel.expectClose(403, "basic.publish");
    },
  },
  {
    name: "an internal exchange gets messages from another exchange",
    async run(broker) {
      const channel = await openChannel(broker);
      const source = await declareExchange(broker, channel, "fanout");
      const destination = await declareExchange(broker, channel, "fanout", { internal: true });
      const queue = await exclusiveQueue(channel);
      await channel.call("exchange.bind", { source, destination });
      await channel.call("queue.bind", { queue, exchange: destination });
      await channel.publish({ exchange: source }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "to delete an exchange if unused is refused with 406 while it has a binding",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const exchange = await declareExchange(broker, channel, "direct");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange });
      await (await client.channel()).refused(406, "exchange.delete", { exchange, ifUnused: true });
      await channel.call("queue.unbind", { queue, exchange });
      await channel.call("exchange.delete", { exchange, ifUnused: true });
      await channel.refused(404, "exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "a deleted exchange takes its bindings with it",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout");
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange });
      await channel.call("exchange.delete", { exchange });
      await channel.call("exchange.declare", { exchange, type: "fanout" });
      await channel.publish({ exchange }, "lost");
      assertEquals(await drain(channel, queue), []);
    },
  },
  {
    name: "to delete an absent exchange is no error",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.call("exchange.delete", { exchange: broker.name("absent") });
      await channel.call("exchange.delete", { exchange: broker.name("absent"), ifUnused: true });
    },
  },
  {
    name: "an auto-delete exchange goes with its last binding",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct", { autoDelete: true });
      await channel.call("exchange.declare", { exchange, passive: true });
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange, routingKey: "a" });
      await channel.call("queue.bind", { queue, exchange, routingKey: "b" });
      await channel.call("queue.unbind", { queue, exchange, routingKey: "a" });
      await channel.call("exchange.declare", { exchange, passive: true });
      await channel.call("queue.unbind", { queue, exchange, routingKey: "b" });
      await channel.refused(404, "exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "an auto-delete exchange goes with the last queue that was bound to it",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "fanout", { autoDelete: true });
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange });
      await channel.call("queue.delete", { queue });
      await channel.refused(404, "exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "an auto-delete exchange goes with the last exchange that it was bound to",
    async run(broker) {
      const channel = await openChannel(broker);
      const source = await declareExchange(broker, channel, "fanout", { autoDelete: true });
      const destination = await declareExchange(broker, channel, "fanout");
      await channel.call("exchange.bind", { source, destination });
      await channel.call("exchange.delete", { exchange: destination });
      await channel.refused(404, "exchange.declare", { exchange: source, passive: true });
    },
  },
  {
    name: "an exchange outlives its connection, auto-delete or not",
    async run(broker) {
      const first = await broker.client();
      const channel = await first.channel();
      const exchanges = [
        await declareExchange(broker, channel, "direct"),
        await declareExchange(broker, channel, "direct", { autoDelete: true }),
      ];
      await first.close();
      const other = await openChannel(broker);
      for (const exchange of exchanges) await other.call("exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "an exchange name may have 255 bytes, spaces and letters beyond ASCII",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = broker.name("é ".padEnd(240, "x"));
      assertEquals(new TextEncoder().encode(exchange).length, 255);
      await channel.call("exchange.declare", { exchange, type: "direct" });
      await channel.call("exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "what no queue is bound for goes to the alternate exchange, by its own routing key",
    async run(broker) {
      const channel = await openChannel(broker);
      const [alternate, queue] = [await declareExchange(broker, channel, "direct"), await exclusiveQueue(channel)];
      const exchange = await declareExchange(broker, channel, "direct", {
        arguments: { "alternate-exchange": alternate },
      });
      const bound = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange: alternate, routingKey: "b" });
      await channel.call("queue.bind", { queue: bound, exchange, routingKey: "a" });
      await channel.publish({ exchange, routingKey: "a" }, "routed");
      await channel.publish({ exchange, routingKey: "b", mandatory: true }, "alternate");
      const got = await channel.mustGet(queue, true);
      assertEquals([got.text, got.envelope.exchange, got.envelope.routingKey], ["alternate", exchange, "b"]);
      assertEquals(await drain(channel, queue), []);
      assertEquals(await drain(channel, bound), ["routed"]);
    },
  },
  {
    name: "alternate exchanges may form a chain and even a circle",
    async run(broker) {
      const channel = await openChannel(broker);
      const [first, second] = [broker.name("exchange"), broker.name("exchange")];
      const declare = (exchange: string, alternate: string) =>
        channel.call("exchange.declare", {
          exchange,
          type: "direct",
          arguments: { "alternate-exchange": alternate },
        });
      await declare(first, second);
      await declare(second, first);
      await channel.publish({ exchange: first, routingKey: "nowhere", mandatory: true }, "one");
      assertEquals((await channel.returns.next(5_000)).text, "one");
    },
  },
  {
    name: "an alternate exchange that does not exist drops what it would get",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct", {
        arguments: { "alternate-exchange": broker.name("absent") },
      });
      await channel.publish({ exchange, routingKey: "nowhere", mandatory: true }, "one");
      assertEquals((await channel.returns.next(5_000)).envelope.replyCode, 312);
    },
  },
  {
    name: "an alternate exchange whose name is not a text is refused with 406",
    async run(broker) {
      const client = await broker.client();
      for (const alternate of [5, null, field("x", Uint8Array.of(97))]) {
        const channel = await client.channel();
        const args: TableInput = { "alternate-exchange": alternate };
        await channel.refused(406, "exchange.declare", { exchange: broker.name("e"), type: "direct", arguments: args });
      }
    },
  },
  {
    name: "another alternate exchange than declared is refused with 406, and none is another one",
    async run(broker) {
      const client = await broker.client();
      const declared = { type: "direct", arguments: { "alternate-exchange": "amq.fanout" } };
      const exchange = await declareExchange(broker, await client.channel(), "direct", declared);
      for (const args of [{}, { "alternate-exchange": "amq.topic" }, { "alternate-exchange": null }]) {
        const channel = await client.channel();
        await channel.refused(406, "exchange.declare", { exchange, type: "direct", arguments: args });
      }
      await (await client.channel()).call("exchange.declare", { exchange, ...declared });
    },
  },
  {
    name: "CR and LF are no part of the name of an exchange that is declared, bound or deleted",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const [exchange, queue] = [broker.name("e"), await exclusiveQueue(channel)];
      const broken = `${exchange.slice(0, 3)}\r\n${exchange.slice(3)}`;
      await channel.call("exchange.declare", { exchange: broken, type: "fanout" });
      for (const name of [broken, exchange]) await channel.call("exchange.declare", { exchange: name, passive: true });
      await channel.call("queue.bind", { queue, exchange: broken });
      await channel.call("exchange.bind", { destination: broken, source: "amq.\ndirect", routingKey: exchange });
      await channel.publish({ exchange: "amq.direct", routingKey: exchange }, "one");
      await channel.publish({ exchange }, "two");
      assertEquals(await drain(channel, queue), ["one", "two"]);
      await channel.call("exchange.unbind", { destination: broken, source: "amq.\ndirect", routingKey: exchange });
      await (await client.channel()).refused(403, "exchange.declare", { exchange: "\n", type: "direct" });
      await (await client.channel()).refused(403, "exchange.delete", { exchange: "am\nq.direct" });
      await channel.call("exchange.delete", { exchange: broken });
      await channel.refused(404, "exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "CR and LF are part of the name of an exchange that is published to",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.publish({ exchange: "amq.\ndirect" }, "one");
      await channel.expectClose(404, "basic.publish");
    },
  },
];
