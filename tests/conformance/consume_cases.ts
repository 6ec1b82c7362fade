import { assert, assertEquals } from "@std/assert";
import { ALL_CAPABILITIES, type RawClient } from "../support/amqp/raw_client.ts";
import { eventually } from "../support/eventually.ts";
import { field } from "../support/amqp/raw_codec.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import {
  assertNoDelivery,
  counts,
  drain,
  exclusiveQueue,
  fill,
  nextTexts,
  openChannel,
  ownQueue,
  settled,
} from "./helpers.ts";

/** Consumers: their tags, who gets what, and their end. */
export const consumeCases: ConformanceCase[] = [
  {
    name: "a consumer without a tag gets one from the broker",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const [one, two] = [await channel.consume(queue), await channel.consume(queue)];
      assert(one !== "" && two !== "" && one !== two);
    },
  },
  {
    name: "a delivery tells its consumer, tag, exchange and routing key",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("queue.bind", { queue, exchange: "amq.topic", routingKey: `${queue}.*` });
      await channel.consume(queue, { consumerTag: "me" });
      await channel.publish({ exchange: "amq.topic", routingKey: `${queue}.a` }, "one");
      const delivery = await channel.nextDelivery();
      assertEquals(delivery.envelope, {
        consumerTag: "me",
        deliveryTag: 1,
        redelivered: false,
        exchange: "amq.topic",
        routingKey: `${queue}.a`,
      });
    },
  },
  {
    name: "a consumer gets what was there before it",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one", "two");
      await channel.consume(queue);
      assertEquals(await nextTexts(channel, 2), ["one", "two"]);
    },
  },
  {
    name: "consume-ok comes before the first delivery",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one");
      await channel.consume(queue);
      await channel.nextDelivery();
      assertEquals(channel.arrived.slice(-2), ["basic.consumeOk", "basic.deliver"]);
    },
  },
  {
    name: "a consumer that is started without waiting gets its messages",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.send("basic.consume", { queue, consumerTag: "me", nowait: true });
      await fill(channel, queue, "one");
      assertEquals((await channel.nextDelivery()).consumerTag, "me");
      assertEquals(channel.arrived.includes("basic.consumeOk"), false);
    },
  },
  {
    name: "a tag that is in use on the channel is refused with 530, for the connection",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(channel);
      await channel.consume(queue, { consumerTag: "me" });
      await other.consume(queue, { consumerTag: "me" });
      await channel.send("basic.consume", { queue, consumerTag: "me" });
      await client.expectClose(530, "basic.consume");
    },
  },
  {
    name: "an exclusive consumer is refused with 403 where another consumes, and keeps others out",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      const consumerTag = await channel.consume(queue);
      await (await client.channel()).refused(403, "basic.consume", { queue, exclusive: true });
      await channel.call("basic.cancel", { consumerTag });
      const only = await channel.consume(queue, { exclusive: true });
      await (await client.channel()).refused(403, "basic.consume", { queue });
      await channel.call("basic.cancel", { consumerTag: only });
      await channel.consume(queue);
    },
  },
  {
    name: "no-ack settles with the delivery and knows no prefetch",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queue, { noAck: true });
      await fill(channel, queue, "one", "two", "three");
      assertEquals(await nextTexts(channel, 3), ["one", "two", "three"]);
      await channel.close();
      assertEquals(await drain(await client.channel(), queue), []);
    },
  },
  {
    name: "no-local is ignored: a consumer gets what its connection has published",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.consume(queue, { noLocal: true });
      await fill(channel, queue, "one");
      assertEquals(await nextTexts(channel, 1), ["one"]);
    },
  },
  {
    name: "no delivery comes after cancel-ok, and the queue keeps its messages",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const consumerTag = await channel.consume(queue);
      assertEquals(await channel.call("basic.cancel", { consumerTag }), { consumerTag });
      await fill(channel, queue, "one");
      await assertNoDelivery(channel, queue);
      assertEquals(await counts(channel, queue), { messages: 1, consumers: 0 });
    },
  },
  {
    name: "to cancel a consumer that does not exist is no error",
    async run(broker) {
      const channel = await openChannel(broker);
      assertEquals(await channel.call("basic.cancel", { consumerTag: "nobody" }), { consumerTag: "nobody" });
    },
  },
  {
    name: "a cancel without waiting has no answer",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const consumerTag = await channel.consume(queue);
      await channel.send("basic.cancel", { consumerTag, nowait: true });
      assertEquals((await counts(channel, queue)).consumers, 0);
      assertEquals(channel.arrived.includes("basic.cancelOk"), false);
    },
  },
  {
    name: "the tag of a cancelled consumer may be used again",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      for (const text of ["one", "two"]) {
        await channel.consume(queue, { consumerTag: "me" });
        await fill(channel, queue, text);
        assertEquals(await nextTexts(channel, 1, "me"), [text]);
        await channel.call("basic.cancel", { consumerTag: "me" });
      }
    },
  },
  {
    name: "the broker cancels a consumer whose queue is deleted, where the client knows such cancels",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(channel);
      const consumerTag = await channel.consume(queue);
      await other.call("queue.delete", { queue });
      assertEquals(await channel.cancels.next(5_000), { consumerTag, nowait: true });
    },
  },
  {
    name: "the broker does not cancel a consumer of a client that does not know such cancels",
    async run(broker) {
      const client = await broker.client({ capabilities: { ...ALL_CAPABILITIES, consumer_cancel_notify: false } });
      const channel = await client.channel();
      const [queue, other] = [await exclusiveQueue(channel), await exclusiveQueue(channel)];
      await channel.consume(queue);
      await channel.call("queue.delete", { queue });
      await settled(channel, other);
      assertEquals(channel.cancels.size, 0);
    },
  },
  {
    name: "messages go to the consumers in turn",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const tags = ["a", "b", "c"];
      for (const consumerTag of tags) await channel.consume(queue, { consumerTag });
      await fill(channel, queue, "1", "2", "3", "4", "5", "6");
      const byTag: Record<string, string[]> = { a: [], b: [], c: [] };
      for (let count = 0; count < 6; count++) {
        const delivery = await channel.nextDelivery();
        byTag[delivery.consumerTag].push(delivery.text);
      }
      assertEquals(byTag, { a: ["1", "4"], b: ["2", "5"], c: ["3", "6"] });
    },
  },
  {
    name: "a prefetch bounds what one consumer has unacknowledged",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 2 });
      await channel.consume(queue);
      await fill(channel, queue, "1", "2", "3", "4");
      const first = await channel.nextDelivery();
      assertEquals((await channel.nextDelivery()).text, "2");
      await assertNoDelivery(channel, queue);
      await channel.ack(first.tag);
      assertEquals((await channel.nextDelivery()).text, "3");
      await assertNoDelivery(channel, queue);
    },
  },
  {
    name: "a prefetch is for each consumer that is started after it, not for those before",
    async run(broker) {
      const channel = await openChannel(broker);
      const queues = [await exclusiveQueue(channel), await exclusiveQueue(channel), await exclusiveQueue(channel)];
      await channel.consume(queues[0], { consumerTag: "before" });
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queues[1], { consumerTag: "one" });
      await channel.consume(queues[2], { consumerTag: "two" });
      for (const queue of queues) await fill(channel, queue, "1", "2", "3");
      assertEquals(await nextTexts(channel, 3, "before"), ["1", "2", "3"]);
      assertEquals(await nextTexts(channel, 1, "one"), ["1"]);
      assertEquals(await nextTexts(channel, 1, "two"), ["1"]);
      await assertNoDelivery(channel, queues[2]);
    },
  },
  {
    name: "a global prefetch bounds all consumers of the channel together",
    async run(broker) {
      const channel = await openChannel(broker);
      const queues = [await exclusiveQueue(channel), await exclusiveQueue(channel)];
      await channel.call("basic.qos", { prefetchCount: 2, global: true });
      await channel.consume(queues[0], { consumerTag: "one" });
      await channel.consume(queues[1], { consumerTag: "two" });
      for (const queue of queues) await fill(channel, queue, "1", "2", "3");
      const first = await channel.nextDelivery();
      await channel.nextDelivery();
      await assertNoDelivery(channel, queues[1]);
      await channel.ack(first.tag);
      await channel.nextDelivery();
      await assertNoDelivery(channel, queues[0]);
    },
  },
  {
    name: "a global prefetch starves no queue of the channel, however much waits in the others",
    async run(broker) {
      const channel = await openChannel(broker);
      const queues = [await exclusiveQueue(channel), await exclusiveQueue(channel), await exclusiveQueue(channel)];
      await channel.call("confirm.select");
      for (let count = 0; count < 100; count++) {
        for (const queue of queues) await channel.publish({ routingKey: queue }, queue);
      }
      await channel.confirmed(300);
      await channel.call("basic.qos", { prefetchCount: 1, global: true });
      for (const queue of queues) await channel.consume(queue);
      const taken = new Map(queues.map((queue) => [queue, 0]));
      for (let count = 0; count < 99; count++) {
        const { text, tag } = await channel.nextDelivery();
        taken.set(text, taken.get(text)! + 1);
        await channel.ack(tag);
      }
      // RabbitMQ draws lots.
      for (const count of taken.values()) assert(count >= 10, `of each 99: ${[...taken.values()]}`);
    },
  },
  {
    name: "a global prefetch that grows lets more through at once",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 1, global: true });
      await channel.consume(queue);
      await fill(channel, queue, "1", "2", "3", "4");
      assertEquals(await nextTexts(channel, 1), ["1"]);
      await assertNoDelivery(channel, queue);
      await channel.call("basic.qos", { prefetchCount: 3, global: true });
      assertEquals(await nextTexts(channel, 2), ["2", "3"]);
      await assertNoDelivery(channel, queue);
    },
  },
  {
    name: "a prefetch of 0 is no bound",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.call("basic.qos", { prefetchCount: 0 });
      await channel.consume(queue);
      await fill(channel, queue, "1", "2", "3");
      assertEquals(await nextTexts(channel, 3), ["1", "2", "3"]);
    },
  },
  {
    name: "what is got does not count for the prefetch of a consumer",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "got", "1");
      await channel.mustGet(queue);
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queue);
      assertEquals(await nextTexts(channel, 1), ["1"]);
    },
  },
  {
    name: "a consumer that is full leaves its turn to others",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queue, { consumerTag: "slow" });
      await channel.consume(queue, { consumerTag: "quick" });
      await fill(channel, queue, "1", "2", "3", "4");
      assertEquals(await nextTexts(channel, 1, "slow"), ["1"]);
      for (const text of ["2", "3", "4"]) {
        const delivery = await channel.nextDelivery(undefined, "quick");
        assertEquals(delivery.text, text);
        await channel.ack(delivery.tag);
      }
    },
  },
  {
    name: "consumers of two connections share a queue",
    async run(broker) {
      const clients: RawClient[] = [await broker.client(), await broker.client()];
      const [one, two] = [await clients[0].channel(), await clients[1].channel()];
      const queue = broker.name("queue");
      await one.call("queue.declare", { queue, durable: true });
      await one.consume(queue);
      await two.consume(queue);
      await fill(one, queue, "1", "2");
      assertEquals([await nextTexts(one, 1), await nextTexts(two, 1)], [["1"], ["2"]]);
    },
  },
  {
    name: "x-priority of a consumer: the highest that has room gets the message",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 2 });
      await channel.consume(queue, { consumerTag: "low", arguments: { "x-priority": -1 } });
      await channel.consume(queue, { consumerTag: "normal" });
      await channel.consume(queue, { consumerTag: "high", arguments: { "x-priority": 10 } });
      await fill(channel, queue, "1", "2", "3", "4", "5", "6");
      assertEquals(await nextTexts(channel, 2, "high"), ["1", "2"]);
      assertEquals(await nextTexts(channel, 2, "normal"), ["3", "4"]);
      assertEquals(await nextTexts(channel, 2, "low"), ["5", "6"]);
    },
  },
  {
    name: "an x-priority that is no whole number is refused with 406",
    async run(broker) {
      const client = await broker.client();
      const queue = await exclusiveQueue(await client.channel());
      for (const priority of ["high", 1.5, true, null, field("d", 1), field("T", 1n), { a: 1 }]) {
        const channel = await client.channel();
        const { replyText } = await channel.refused(406, "basic.consume", {
          queue,
          arguments: { "x-priority": priority },
        });
        assert(replyText.startsWith(`PRECONDITION_FAILED - invalid arg 'x-priority' for queue '${queue}'`), replyText);
      }
      const channel = await client.channel();
      for (const priority of [field("b", -1), field("s", 1), 2n ** 60n]) {
        await channel.consume(queue, { arguments: { "x-priority": priority } });
      }
    },
  },
  {
    name: "the consumers of a channel that closes are gone with it",
    async run(broker) {
      const client = await broker.client();
      const [channel, other] = [await client.channel(), await client.channel()];
      const queue = await ownQueue(broker, channel);
      await channel.consume(queue);
      await channel.consume(queue);
      assertEquals((await counts(other, queue)).consumers, 2);
      await channel.close();
      await eventually(async () => (await counts(other, queue)).consumers === 0);
    },
  },
  {
    name: "many messages come in order through a small prefetch",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 7 });
      await channel.consume(queue);
      const texts = Array.from({ length: 300 }, (_, index) => `${index}`);
      for (const text of texts) channel.publish({ routingKey: queue }, text);
      for (const text of texts) {
        const delivery = await channel.nextDelivery();
        assertEquals(delivery.text, text);
        channel.ack(delivery.tag);
      }
    },
  },
];
