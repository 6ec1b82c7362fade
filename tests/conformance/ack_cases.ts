import { assertEquals } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import type { RawClient } from "../support/amqp/raw_client.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { assertNoDelivery, counts, drain, exclusiveQueue, fill, nextTexts, openChannel } from "./helpers.ts";

/** A queue with `texts` in it, all of them got and not acknowledged. */
async function got(channel: RawChannel, ...texts: string[]): Promise<{ queue: string; tags: number[] }> {
  const queue = await exclusiveQueue(channel);
  await fill(channel, queue, ...texts);
  const tags: number[] = [];
  for (const _ of texts) tags.push((await channel.mustGet(queue)).tag);
  return { queue, tags };
}

/**
 * Checks what is put back into the queue when the channel closes: what was not acknowledged. RabbitMQ may put it back
 * after it has answered, so the texts are waited for.
 */
async function assertLeft(client: RawClient, channel: RawChannel, queue: string, texts: string[]): Promise<void> {
  await channel.close();
  const other = await client.channel();
  await other.consume(queue, { noAck: true });
  assertEquals(await nextTexts(other, texts.length), texts);
  await assertNoDelivery(other, queue);
}

/** Acknowledgements, rejections and what is delivered again. */
export const ackCases: ConformanceCase[] = [
  {
    name: "an ack settles one message",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue, tags } = await got(channel, "one", "two", "three");
      await channel.ack(tags[1]);
      await assertLeft(client, channel, queue, ["one", "three"]);
    },
  },
  {
    name: "a multiple ack settles everything up to its tag",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue, tags } = await got(channel, "one", "two", "three");
      await channel.ack(tags[1], true);
      await assertLeft(client, channel, queue, ["three"]);
    },
  },
  {
    name: "a multiple ack of tag 0 settles everything",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue } = await got(channel, "one", "two", "three");
      await channel.ack(0, true);
      await assertLeft(client, channel, queue, []);
    },
  },
  {
    name: "a multiple ack of tag 0 with nothing unacknowledged is no error",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await channel.ack(0, true);
      await channel.nack(0, { multiple: true, requeue: true });
      await counts(channel, queue);
    },
  },
  {
    name: "a multiple ack of a tag that is not given out yet is refused with 406",
    async run(broker) {
      const channel = await openChannel(broker);
      await got(channel, "one");
      await channel.refused(406, "basic.ack", { deliveryTag: 5, multiple: true });
    },
  },
  {
    name: "an unknown tag is refused with 406",
    async run(broker) {
      const client = await broker.client();
      await (await client.channel()).refused(406, "basic.ack", { deliveryTag: 1 });
      await (await client.channel()).refused(406, "basic.ack", { deliveryTag: 0 });
      await (await client.channel()).refused(406, "basic.nack", { deliveryTag: 1 });
      await (await client.channel()).refused(406, "basic.reject", { deliveryTag: 1 });
    },
  },
  {
    name: "a second settlement of a message is refused with 406",
    async run(broker) {
      const client = await broker.client();
      for (const method of ["basic.ack", "basic.nack", "basic.reject"] as const) {
        const channel = await client.channel();
        const { tags } = await got(channel, "one");
        await channel.ack(tags[0]);
        await channel.refused(406, method, { deliveryTag: tags[0] });
      }
    },
  },
  {
    name: "an ack of a message that was taken without acks is refused with 406",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one");
      const { tag } = await channel.mustGet(queue, true);
      await channel.refused(406, "basic.ack", { deliveryTag: tag });
    },
  },
  {
    name: "a nack with requeue puts the message back in its place, redelivered",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one", "two", "three");
      const first = await channel.mustGet(queue);
      assertEquals(first.redelivered, false);
      await channel.nack(first.tag, { requeue: true });
      const again = await channel.mustGet(queue, true);
      assertEquals([again.text, again.redelivered, again.tag], ["one", true, first.tag + 1]);
      assertEquals(await drain(channel, queue), ["two", "three"]);
    },
  },
  {
    name: "a nack without requeue drops the message",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue, tags } = await got(channel, "one", "two");
      await channel.nack(tags[0]);
      await assertLeft(client, channel, queue, ["two"]);
    },
  },
  {
    name: "a multiple nack puts everything up to its tag back in its order",
    async run(broker) {
      const channel = await openChannel(broker);
      const { queue, tags } = await got(channel, "one", "two", "three", "four");
      await channel.nack(tags[2], { multiple: true, requeue: true });
      assertEquals(await drain(channel, queue), ["one", "two", "three"]);
    },
  },
  {
    name: "messages that are put back one by one in any order come in their first order",
    async run(broker) {
      const channel = await openChannel(broker);
      const { queue, tags } = await got(channel, "one", "two", "three");
      await fill(channel, queue, "four");
      for (const index of [1, 2, 0]) await channel.nack(tags[index], { requeue: true });
      assertEquals(await drain(channel, queue), ["one", "two", "three", "four"]);
    },
  },
  {
    name: "a reject with requeue puts one message back, without it drops it",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue, tags } = await got(channel, "one", "two", "three");
      await channel.reject(tags[0], true);
      await channel.reject(tags[1], false);
      await assertLeft(client, channel, queue, ["one", "three"]);
    },
  },
  {
    name: "a requeued message goes to a consumer that has room for it",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      await channel.call("basic.qos", { prefetchCount: 1 });
      await channel.consume(queue, { consumerTag: "a" });
      await fill(channel, queue, "one", "two");
      const first = await channel.nextDelivery();
      await channel.consume(queue, { consumerTag: "b" });
      assertEquals(await nextTexts(channel, 1, "b"), ["two"]);
      await channel.nack(first.tag, { requeue: true });
      const again = await channel.nextDelivery();
      assertEquals([again.text, again.redelivered, again.consumerTag], ["one", true, "a"]);
    },
  },
  {
    name: "recover with requeue puts everything unacknowledged back",
    async run(broker) {
      const channel = await openChannel(broker);
      const { queue, tags } = await got(channel, "one", "two", "three");
      await channel.ack(tags[0]);
      await channel.call("basic.recover", { requeue: true });
      const again = await channel.mustGet(queue, true);
      assertEquals([again.text, again.redelivered], ["two", true]);
      assertEquals(await drain(channel, queue), ["three"]);
    },
  },
  {
    name: "recover without requeue is refused with 540, for the connection",
    async run(broker) {
      const client = await broker.client();
      await (await client.channel()).send("basic.recover", { requeue: false });
      await client.expectClose(540, "basic.recover");
    },
  },
  {
    name: "recover-async with requeue puts everything back without an answer",
    async run(broker) {
      const channel = await openChannel(broker);
      const { queue } = await got(channel, "one");
      await channel.send("basic.recoverAsync", { requeue: true });
      assertEquals(await drain(channel, queue), ["one"]);
    },
  },
  {
    name: "a message that was settled stays gone after its channel has closed",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const { queue, tags } = await got(channel, "one");
      await channel.ack(tags[0]);
      await assertLeft(client, channel, queue, []);
    },
  },
  {
    name: "a message that was taken without acks stays gone after its channel has closed",
    async run(broker) {
      const client = await broker.client();
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      await fill(channel, queue, "one");
      await channel.mustGet(queue, true);
      await assertLeft(client, channel, queue, []);
    },
  },
  {
    name: "messages of a cancelled consumer may be settled",
    async run(broker) {
      const channel = await openChannel(broker);
      const queue = await exclusiveQueue(channel);
      const consumerTag = await channel.consume(queue);
      await fill(channel, queue, "one", "two");
      const [one, two] = [await channel.nextDelivery(), await channel.nextDelivery()];
      await channel.call("basic.cancel", { consumerTag });
      assertEquals(await channel.get(queue), undefined);
      await channel.ack(one.tag);
      await channel.nack(two.tag, { requeue: true });
      assertEquals(await drain(channel, queue), ["two"]);
    },
  },
  {
    name: "an ack after the queue was deleted is no error",
    async run(broker) {
      const channel = await openChannel(broker);
      const { queue, tags } = await got(channel, "one", "two");
      await channel.call("queue.delete", { queue });
      await channel.ack(tags[0]);
      await channel.nack(tags[1], { requeue: true });
      await assertNoDelivery(channel, await exclusiveQueue(channel));
    },
  },
];
