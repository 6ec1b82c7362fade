import { assert, assertEquals, assertRejects } from "@std/assert";
import { ChannelClosed, vhostOf } from "../support/amqp/raw_client.ts";
import { FRAME_BODY } from "../support/amqp/wire.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { eventually } from "../support/eventually.ts";
import { counts, drain, exclusiveQueue, fill, openChannel } from "./helpers.ts";

/** Channels: their life, and the order of their frames. */
export const channelCases: ConformanceCase[] = [
  {
    name: "a channel opens, closes and opens again under the same number",
    async run(broker) {
      const client = await broker.client();
      for (let round = 0; round < 3; round++) await (await client.channel(1)).close();
    },
  },
  {
    name: "to open an open channel is refused with 504, for the connection",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("channel.open");
      await client.expectClose(504, "channel.open");
    },
  },
  {
    name: "a method on a channel that was never opened is refused with 504, for the connection",
    async run(broker) {
      const client = await broker.client();
      await client.sendMethod(3, "queue.declare", { exclusive: true });
      await client.expectClose(504, "queue.declare");
    },
  },
  {
    name: "a method on a channel that was closed is refused with 504, for the connection",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.close();
      await channel.send("queue.declare", { exclusive: true });
      await client.expectClose(504, "queue.declare");
    },
  },
  {
    name: "a channel beyond the agreed channel-max is refused with 530, for the connection",
    async run(broker) {
      const client = await broker.client({ tune: { channelMax: 2 } });
      await client.channel(1);
      await client.channel(2);
      await client.sendMethod(3, "channel.open");
      await client.expectClose(530);
    },
  },
  {
    name: "channel.flow with active is answered as it is",
    async run(broker) {
      const channel = await openChannel(broker);
      assertEquals(await channel.call("channel.flow", { active: true }), { active: true });
    },
  },
  {
    name: "channel.flow without active is refused with 540",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("channel.flow", { active: false });
      await client.expectClose(540, "channel.flow");
    },
  },
  {
    name: "access.request is granted",
    async run(broker) {
      const channel = await openChannel(broker);
      assertEquals(await channel.call("access.request", { realm: "/data", active: true }), { ticket: 1 });
    },
  },
  {
    name: "an error closes its channel alone",
    async run(broker) {
      const client = await broker.client();
      const [broken, other] = [await client.channel(), await client.channel()];
      await broken.refused(404, "queue.declare", { queue: broker.name("absent"), passive: true });
      await exclusiveQueue(other);
      await exclusiveQueue(await client.channel(broken.number));
    },
  },
  {
    name: "the text of an error says its name, what was wanted and where",
    async run(broker) {
      const client = await broker.client();
      const name = broker.name("absent");
      const queue = await (await client.channel()).refused(404, "queue.declare", { queue: name, passive: true });
      assertEquals(queue.replyText, `NOT_FOUND - no queue '${name}' in vhost '${vhostOf(broker.url)}'`);
      const exchange = await (await client.channel()).refused(404, "exchange.declare", {
        exchange: name,
        passive: true,
      });
      assertEquals(exchange.replyText, `NOT_FOUND - no exchange '${name}' in vhost '${vhostOf(broker.url)}'`);
      const tag = await (await client.channel()).refused(406, "basic.ack", { deliveryTag: 7 });
      assertEquals(tag.replyText, "PRECONDITION_FAILED - unknown delivery tag 7");
    },
  },
  {
    name: "what is sent on a channel between the broker's close and close-ok is dropped",
    async run(broker) {
      const client = await broker.client();
      const [broken, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(other);
      broken.send("queue.declare", { queue: broker.name("absent"), passive: true });
      broken.publish({ routingKey: queue }, "lost");
      broken.send("queue.purge", { queue: broker.name("absent") });
      await broken.expectClose(404, "queue.declare");
      assertEquals(await counts(other, queue), { messages: 0, consumers: 0 });
      await exclusiveQueue(await client.channel(broken.number));
    },
  },
  {
    name: "to close a channel puts its unacknowledged messages back in their place",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one", "two", "three");
      await channel.mustGet(queue);
      await channel.mustGet(queue);
      await channel.close();
      const again = await other.mustGet(queue, true);
      assertEquals([again.text, again.redelivered], ["one", true]);
      assertEquals(await drain(other, queue), ["two", "three"]);
    },
  },
  {
    name: "an error on a channel puts its unacknowledged messages back",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one");
      await channel.mustGet(queue);
      await channel.refused(404, "queue.declare", { queue: broker.name("absent"), passive: true });
      // RabbitMQ says what is wrong before its queue knows that the channel is gone.
      assertEquals((await eventually(() => other.get(queue, true))).redelivered, true);
    },
  },
  {
    name: "delivery tags count from 1 on each channel",
    async run(broker) {
      const client = await broker.client();
      for (const channel of [await client.channel(), await client.channel()]) {
        const queue = await exclusiveQueue(channel);
        await fill(channel, queue, "one", "two");
        assertEquals([(await channel.mustGet(queue)).tag, (await channel.mustGet(queue, true)).tag], [1, 2]);
      }
    },
  },
  {
    name: "a delivery tag of another channel is unknown",
    async run(broker) {
      const client = await broker.client();
      const [one, two] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(one);
      await fill(one, queue, "one");
      const { tag } = await one.mustGet(queue);
      await two.refused(406, "basic.ack", { deliveryTag: tag });
    },
  },
  {
    name: "a body without a method is refused with 505",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await client.sendFrame(FRAME_BODY, channel.number, new Uint8Array(1));
      await client.expectClose(505);
    },
  },
  {
    name: "a content header without a method is refused with 505",
    async run(broker) {
      const client = await broker.client();
      await (await client.channel()).sendHeader(0);
      await client.expectClose(505);
    },
  },
  {
    name: "a body before its content header is refused with 505",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("basic.publish");
      await channel.sendBody(new Uint8Array(1));
      await client.expectClose(505);
    },
  },
  {
    name: "a method within a content is refused with 505",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("basic.publish");
      await channel.sendHeader(10);
      await channel.send("queue.declare");
      await client.expectClose(505);
    },
  },
  {
    name: "a content header of another class than its method is refused with 505",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("basic.publish");
      await channel.sendHeader(0, {}, 50);
      await client.expectClose(505);
    },
  },
  {
    name: "more body than the content header says closes the connection, at once or with the next method",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      await channel.send("basic.publish");
      await channel.sendHeader(2);
      await channel.sendBody(new Uint8Array(3));
      await channel.send("queue.declare");
      const { replyCode } = await client.expectClose();
      assert([501, 505].includes(replyCode));
    },
  },
  {
    name: "a no-wait declaration has no answer",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = broker.name("queue");
      await channel.send("queue.declare", { queue, exclusive: true, nowait: true });
      await channel.send("queue.bind", { queue, exchange: "amq.direct", routingKey: queue, nowait: true });
      await channel.publish({ exchange: "amq.direct", routingKey: queue }, "one");
      assertEquals(await drain(channel, queue), ["one"]);
      assertEquals(channel.arrived, ["channel.openOk", "basic.getOk", "basic.getEmpty"]);
    },
  },
  {
    name: "everything that may be done without waiting has no answer",
    async run(broker) {
      const channel = await openChannel(broker);
      const [exchange, queue, nowait] = [broker.name("exchange"), broker.name("queue"), true];
      const binding = { source: exchange, destination: "amq.fanout", routingKey: queue, nowait };
      await channel.send("exchange.declare", { exchange, type: "direct", nowait });
      await channel.send("exchange.bind", binding);
      await channel.send("exchange.unbind", binding);
      await channel.send("queue.declare", { queue, exclusive: true, nowait });
      await channel.send("queue.purge", { queue, nowait });
      await channel.send("queue.delete", { queue, nowait });
      await channel.send("exchange.delete", { exchange, nowait });
      await channel.refused(404, "queue.declare", { queue, passive: true });
      assertEquals(channel.arrived, ["channel.openOk", "channel.close"]);
      await (await openChannel(broker)).refused(404, "exchange.declare", { exchange, passive: true });
    },
  },
  {
    name: "a no-wait declaration that fails closes the channel all the same",
    async run(broker) {
      const channel = await openChannel(broker);
      await channel.send("queue.declare", { queue: broker.name("absent"), passive: true, nowait: true });
      await channel.expectClose(404, "queue.declare");
      await assertRejects(() => channel.nextDelivery(), ChannelClosed);
    },
  },
];
