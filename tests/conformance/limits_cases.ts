import { assertEquals, assertNotEquals } from "@std/assert";
import { encodeProperties, field, type FieldInput, type TableInput } from "../support/amqp/raw_codec.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { drain, exclusiveQueue, fill, openChannel } from "./helpers.ts";

/** How much, how long, how deep. */
export const limitsCases: ConformanceCase[] = [
  {
    name: "the channel with the highest number opens",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel(client.tune.channelMax);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a hundred channels are open at once",
    async run(broker) {
      const client = await broker.client();
      const channels = [];
      for (let count = 0; count < 100; count++) channels.push(await client.channel());
      const queues = await Promise.all(channels.map((channel) => exclusiveQueue(channel)));
      assertEquals(new Set(queues).size, 100);
    },
  },
  {
    name: "a closed channel makes room within channel-max",
    async run(broker) {
      const client = await broker.client({ tune: { channelMax: 1 } });
      for (let round = 0; round < 3; round++) await (await client.channel(1)).close();
    },
  },
  {
    name: "a routing key may have 255 bytes, and any of them",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const routingKey = "€".repeat(80) + ` \n"'\\`.padEnd(15, "\0");
      await channel.call("queue.bind", { queue, exchange: "amq.direct", routingKey });
      await channel.publish({ exchange: "amq.direct", routingKey }, "one");
      assertEquals((await channel.mustGet(queue, true)).envelope.routingKey, routingKey);
    },
  },
  {
    name: "a queue name may have 255 bytes, spaces and letters beyond ASCII",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("é ".padEnd(240, "x"));
      assertEquals((await channel.call("queue.declare", { queue, exclusive: true })).queue, queue);
      await fill(channel, queue, "one");
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a consumer tag may have 255 bytes",
    async run(broker) {
      const channel = await openChannel(broker);
      const consumerTag = "é".padEnd(254, "x");
      assertEquals(await channel.consume(await exclusiveQueue(channel), { consumerTag }), consumerTag);
    },
  },
  {
    name: "headers of 60 KiB come back byte for byte",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const headers = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`h${index}`, "x".repeat(1015)]));
      await channel.publish({ routingKey: queue }, "one", { headers });
      assertEquals((await channel.mustGet(queue, true)).propertyBytes, encodeProperties({ headers }));
    },
  },
  {
    name: "headers 20 tables and lists deep come back byte for byte",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      let inner: FieldInput = field("I", 1);
      for (let depth = 0; depth < 10; depth++) inner = { deeper: [inner] };
      const headers: TableInput = { inner };
      await channel.publish({ routingKey: queue }, "one", { headers });
      assertEquals((await channel.mustGet(queue, true)).propertyBytes, encodeProperties({ headers }));
    },
  },
  {
    name: "content headers larger than frame-max are refused with 501",
    async run(broker) {
      const client = await broker.client({ tune: { frameMax: 4096 } });
      const channel = await client.channel();
      await channel.publish({ routingKey: "a" }, "one", { headers: { large: "x".repeat(4200) } });
      await client.expectClose(501);
    },
  },
  {
    name: "a thousand messages wait in one queue and come in order",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      for (let index = 0; index < 1000; index++) channel.publish({ routingKey: queue }, `${index}`);
      await channel.consume(queue, { noAck: true });
      for (let index = 0; index < 1000; index++) assertEquals((await channel.nextDelivery()).text, `${index}`);
    },
  },
  {
    name: "a connection with many bodies under way on many channels keeps them apart",
    async run(broker) {
      const client = await broker.client();
      const channels = [];
      for (let count = 0; count < 20; count++) channels.push(await client.channel());
      const queue = await exclusiveQueue(channels[0]);
      const bodies = channels.map((_, index) => new Uint8Array(10_000).fill(index));
      for (const channel of channels) channel.send("basic.publish", { routingKey: queue });
      for (const channel of channels) channel.sendHeader(10_000);
      for (let start = 0; start < 10_000; start += 2_500) {
        channels.forEach((channel, index) => channel.sendBody(bodies[index].subarray(start, start + 2_500)));
      }
      await channels[0].consume(queue, { noAck: true });
      const seen = new Set<number>();
      for (const _ of channels) {
        const { body } = await channels[0].nextDelivery();
        assertEquals(body.length, 10_000);
        assertEquals(body.every((byte) => byte === body[0]), true);
        seen.add(body[0]);
      }
      assertEquals(seen.size, channels.length);
    },
  },
  {
    name: "two connections have different server-named queues and consumer tags",
    async run(broker) {
      const [one, two] = [await openChannel(broker), await openChannel(broker)];
      const [first, second] = [await exclusiveQueue(one), await exclusiveQueue(two)];
      assertNotEquals(first, second);
      assertNotEquals(await one.consume(first), await two.consume(second));
    },
  },
];
