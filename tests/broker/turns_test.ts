import { assert, assertEquals } from "@std/assert";
import { RawClient } from "../support/amqp/raw_client.ts";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import { LocalBroker } from "./local_broker.ts";

const KILOBYTE = 1024;

/** Two queues with more in each than fits the way to a client many times. */
async function twoBacklogs(url: string): Promise<string[]> {
  await using client = await RawClient.connect(url);
  const channel = await client.channel();
  const queues = ["one", "two"];
  for (const queue of queues) await channel.call("queue.declare", { queue });
  for (let count = 0; count < 3_000; count++) {
    for (const queue of queues) await channel.publish({ routingKey: queue }, new Uint8Array(10 * KILOBYTE));
  }
  for (const queue of queues) await channel.publishConfirmed({ routingKey: queue }, "");
  return queues;
}

/** How many of the first deliveries came from each queue: where the channels are one, by the consumers' tags. */
async function firstOf(channels: RawChannel[], queues: string[], wanted: number): Promise<number[]> {
  for (const [index, queue] of queues.entries()) {
    await channels[index].consume(queue, { noAck: true, consumerTag: queue });
  }
  const counts = queues.map(() => 0);
  const count = () =>
    [...new Set(channels)].flatMap((channel) => channel.deliveries.takeAll()).forEach(({ envelope }) => {
      counts[queues.indexOf(envelope.routingKey)]++;
    });
  while (counts[0] + counts[1] < wanted) {
    await new Promise((resolve) => setImmediate(resolve));
    count();
  }
  return counts;
}

for (const [where, own] of [["on one channel", false], ["on a channel each", true]] as const) {
  Deno.test(`of two consumers ${where}, a client that is slower than the broker hears of both`, async () => {
    await using site = await LocalBroker.start();
    const queues = await twoBacklogs(site.url);
    await using client = await RawClient.connect(site.url);
    const first = await client.channel();
    const counts = await firstOf([first, own ? await client.channel() : first], queues, 1_000);
    assert(Math.min(...counts) >= 200, `of the first messages they had ${counts}`);
  });
}

Deno.test("with a global prefetch the queues of a channel take turns, one that is empty left out", async () => {
  await using site = await LocalBroker.start();
  await using client = await RawClient.connect(site.url);
  const channel = await client.channel();
  const queues = ["a", "b", "c"];
  for (const queue of queues) await channel.call("queue.declare", { queue });
  for (const queue of ["a", "a", "a", "a", "c", "c", "c", "c"]) {
    await channel.publishConfirmed({ routingKey: queue }, queue);
  }
  await channel.call("basic.qos", { prefetchCount: 1, global: true });
  for (const queue of queues) await channel.consume(queue);
  let order = "";
  for (let count = 0; count < 8; count++) {
    const { text, tag } = await channel.nextDelivery();
    order += text;
    await channel.ack(tag);
  }
  // The first one came as soon as its queue was consumed from; the turns begin with the first ack.
  assertEquals(order, "aacacacc");
});
