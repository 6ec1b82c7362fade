import { assertEquals } from "@std/assert";
import {
  decodeProperties,
  encodeProperties,
  field,
  type PropertiesInput,
  type TableInput,
} from "../support/amqp/raw_codec.ts";
import type { Broker, ConformanceCase } from "./conformance_case.ts";
import { declareExchange, drain, exclusiveQueue, fill, openChannel, ownQueue } from "./helpers.ts";

const EVERY_FIELD: TableInput = {
  text: field("S", "naïve ☃"),
  "no text": field("S", Uint8Array.of(0xff, 0xfe, 0)),
  long: field("I", -2_147_483_648),
  "unsigned long": field("i", 4_294_967_295),
  longlong: field("l", -9_223_372_036_854_775_808n),
  byte: field("b", -128),
  "unsigned byte": field("B", 255),
  short: field("s", -32_768),
  "unsigned short": field("u", 65_535),
  double: field("d", -1.5e300),
  float: field("f", 0.5),
  yes: field("t", true),
  no: field("t", false),
  time: field("T", 1_700_000_000n),
  table: field("F", { inner: field("F", { empty: field("F", {}) }) }),
  array: field("A", [field("I", 1), field("S", "two"), field("A", []), field("F", { x: field("V", null) })]),
  bytes: field("x", Uint8Array.of(0, 1, 2, 255)),
  nothing: field("V", null),
  decimal: field("D", { scale: 2, value: 12_345 }),
  "": field("S", "an empty name"),
};

/** All 14 properties, with the user-id that the broker accepts. */
const everyProperty = ({ url }: Broker): PropertiesInput => ({
  contentType: "application/json",
  contentEncoding: "utf-8",
  headers: EVERY_FIELD,
  deliveryMode: 1,
  priority: 7,
  correlationId: "correlation",
  replyTo: "reply",
  expiration: "60000",
  messageId: "message",
  timestamp: 1_700_000_000n,
  type: "type",
  userId: decodeURIComponent(new URL(url).username),
  appId: "app",
  clusterId: "cluster",
});

/** A body that goes to a queue and comes back unharmed. */
function roundTrip(name: string, size: (frameMax: number) => number): ConformanceCase {
  return {
    name,
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      const body = new Uint8Array(size(client.frameMax));
      for (let start = 0; start < body.length; start += 65_536) {
        crypto.getRandomValues(body.subarray(start, start + 65_536));
      }
      await channel.publish({ routingKey: queue }, body);
      const got = await channel.mustGet(queue, true);
      assertEquals(got.body.length, body.length);
      assertEquals(got.body.every((byte, index) => byte === body[index]), true);
    },
  };
}

/** Publishing, getting, returning; what is in a message. */
export const basicCases: ConformanceCase[] = [
  {
    name: "get gives a message and how many are left, then get-empty",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      assertEquals(await channel.get(queue), undefined);
      await fill(channel, queue, "one", "two", "three");
      const got = await channel.mustGet(queue, true);
      assertEquals([got.text, got.envelope], ["one", {
        deliveryTag: 1,
        redelivered: false,
        exchange: "",
        routingKey: queue,
        messageCount: 2,
      }]);
      assertEquals((await channel.mustGet(queue, true)).envelope.messageCount, 1);
      assertEquals((await channel.mustGet(queue, true)).envelope.messageCount, 0);
      assertEquals(await channel.get(queue), undefined);
    },
  },
  {
    name: "get works beside a consumer whose prefetch is full",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queue);
      await fill(channel, queue, "one", "two");
      await channel.nextDelivery();
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "to publish to an absent exchange is refused with 404",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.publish({ exchange: broker.name("absent") }, "one");
      await channel.expectClose(404, "basic.publish");
    },
  },
  {
    name: "a mandatory message that no queue gets comes back whole with 312",
    async run(broker) {
      const channel = await openChannel(broker);
      const exchange = await declareExchange(broker, channel, "direct");
      const target = { exchange, routingKey: "nowhere", mandatory: true };
      const properties = everyProperty(broker);
      await channel.publish(target, "one", properties);
      const returned = await channel.returns.next(5_000);
      assertEquals(returned.envelope, { replyCode: 312, replyText: "NO_ROUTE", exchange, routingKey: "nowhere" });
      assertEquals(returned.text, "one");
      assertEquals(returned.propertyBytes, encodeProperties(properties));
    },
  },
  {
    name: "a mandatory message that a queue gets does not come back",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.publish({ routingKey: queue, mandatory: true }, "one");
      await channel.publish({ routingKey: broker.name("absent"), mandatory: true }, "two");
      assertEquals((await channel.returns.next(5_000)).text, "two");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a message that is not mandatory and that no queue gets is dropped",
    async run(broker) {
      const channel = await openChannel(broker);
      const confirmation = await channel.publishConfirmed({ routingKey: broker.name("absent") }, "one");
      assertEquals([confirmation.kind, channel.returns.size], ["ack", 0]);
    },
  },
  {
    name: "a returned message comes before its confirm",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.publishConfirmed({ routingKey: broker.name("absent"), mandatory: true }, "one");
      assertEquals(channel.arrived.slice(-2), ["basic.return", "basic.ack"]);
    },
  },
  {
    name: "an immediate message is refused with 540, for the connection",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      await channel.publish({ routingKey: queue, immediate: true }, "one");
      await client.expectClose(540, "basic.publish");
    },
  },
  {
    name: "all properties and all types of headers come back byte for byte",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const properties = everyProperty(broker);
      await channel.publish({ routingKey: queue }, "one", properties);
      const got = await channel.mustGet(queue, true);
      assertEquals(got.propertyBytes, encodeProperties(properties));
    },
  },
  {
    name: "all properties of a persistent message come back byte for byte from a durable queue",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("queue");
      await channel.call("queue.declare", { queue, durable: true });
      const properties = { ...everyProperty(broker), deliveryMode: 2 };
      await channel.publishConfirmed({ routingKey: queue }, "one", properties);
      assertEquals((await channel.mustGet(queue, true)).propertyBytes, encodeProperties(properties));
    },
  },
  {
    name: "properties that are empty or left out stay so",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const variants: PropertiesInput[] = [
        {},
        { headers: {} },
        { contentType: "", messageId: "", priority: 0, timestamp: 0n },
        { appId: "only" },
      ];
      for (const properties of variants) {
        await channel.publish({ routingKey: queue }, "", properties);
        assertEquals((await channel.mustGet(queue, true)).propertyBytes, encodeProperties(properties));
      }
    },
  },
  {
    name: "a delivery-mode, a priority and a timestamp of any value are kept",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const properties = { deliveryMode: 1, priority: 255, timestamp: 18_446_744_073_709_551_615n };
      await channel.publish({ routingKey: queue }, "", properties);
      assertEquals(decodeProperties((await channel.mustGet(queue, true)).propertyBytes), properties);
    },
  },
  {
    name: "headers with one name twice come back with both",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const twice = Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 97, 98, 1, 1, 97, 98, 2);
      await channel.publish({ routingKey: queue }, "one", twice);
      assertEquals((await channel.mustGet(queue, true)).propertyBytes, twice);
    },
  },
  roundTrip("an empty body needs no body frame", () => 0),
  roundTrip("a body of one byte comes back", () => 1),
  roundTrip("a body that fills a frame exactly comes back", (frameMax) => frameMax - 8),
  roundTrip("a body one byte longer than a frame comes back", (frameMax) => frameMax - 7),
  roundTrip("a body that fills three frames exactly comes back", (frameMax) => 3 * (frameMax - 8)),
  roundTrip("a body of a megabyte comes back", () => 1_048_576),
  {
    name: "a body may come in frames of any size, even empty ones",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.send("basic.publish", { routingKey: queue });
      await channel.sendHeader(6);
      for (const part of ["a", "", "bcd", "", "ef"]) await channel.sendBody(new TextEncoder().encode(part));
      assertEquals(await drain(channel, queue), ["abcdef"]);
    },
  },
  {
    name: "a user-id that is not one's own is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      const channel = await client.channel();
      await channel.publish({ routingKey: queue }, "one", { userId: "somebody" });
      await channel.expectClose(406, "basic.publish");
    },
  },
  {
    name: "one's own user-id is kept",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const userId = decodeURIComponent(new URL(broker.url).username);
      await channel.publish({ routingKey: queue }, "one", { userId });
      assertEquals((await channel.mustGet(queue, true)).properties.userId, userId);
    },
  },
  {
    name: "the header CC routes to more keys and stays in the message",
    async run(broker) {
      const channel = await openChannel(broker);
      const [one, two, three] = [
        await exclusiveQueue(channel),
        await exclusiveQueue(channel),
        await exclusiveQueue(channel),
      ];
      const headers = { CC: [two, three, one] };
      await channel.publish({ routingKey: one }, "one", { headers });
      for (const queue of [one, two, three]) {
        const got = await channel.mustGet(queue, true);
        assertEquals([got.text, got.headers.CC, got.envelope.routingKey], ["one", headers.CC, one]);
        assertEquals(await channel.get(queue), undefined);
      }
    },
  },
  {
    name: "the header BCC routes to more keys and is taken out of the message",
    async run(broker) {
      const channel = await openChannel(broker);
      const [one, two] = [await exclusiveQueue(channel), await exclusiveQueue(channel)];
      await channel.publish({ routingKey: one }, "one", { headers: { BCC: [two], a: 1 } });
      for (const queue of [one, two]) assertEquals((await channel.mustGet(queue, true)).headers, { a: 1 });
    },
  },
  {
    name: "a CC or BCC that is no list is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      for (const name of ["CC", "BCC"]) {
        const channel = await client.channel();
        await channel.publish({ routingKey: queue }, "one", { headers: { [name]: "a" } });
        await channel.expectClose(406, "basic.publish");
      }
    },
  },
  {
    name: "basic.qos with a prefetch size is refused with 540, for the connection",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("basic.qos", { prefetchSize: 1 });
      await client.expectClose(540, "basic.qos");
    },
  },
  {
    name: "a queue may have the name of an exchange",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await ownQueue(broker, channel);
      await channel.call("exchange.declare", { exchange: queue, type: "fanout" });
      await channel.publish({ exchange: queue }, "lost");
      await channel.publish({ routingKey: queue }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
];
