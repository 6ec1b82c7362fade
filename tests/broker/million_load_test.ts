import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { BrokerChild } from "./broker_child.ts";
import { DeafClient, publishFrames } from "./deaf_client.ts";
import { joined } from "./fuzz_frames.ts";

const MILLION = 1_000_000;
const BATCH = 1_000;
const BODY = 1_024;
const MEGABYTE = 1024 * 1024;
/** The promise. A fixed part of it are buffers, caches and garbage; what waits is more than a gigabyte. */
const MOST = 300 * MEGABYTE;
/** How many are looked at in the end. */
const TAKEN = 20_000;

/** Publishes a million messages that begin with their numbers. */
async function publishMillion(broker: BrokerChild, deliveryMode: number): Promise<void> {
  using client = await DeafClient.open(broker.url);
  const one = publishFrames({ routingKey: "q" }, new Uint8Array(BODY), { deliveryMode });
  const batch = joined(Array.from({ length: BATCH }, () => one));
  const view = new DataView(batch.buffer);
  // The body, and one byte after it, end the frames.
  const bodyAt = one.length - BODY - 1;
  for (let sent = 0; sent < MILLION; sent += BATCH) {
    for (let i = 0; i < BATCH; i++) view.setUint32(i * one.length + bodyAt, sent + i);
    assertEquals(await client.flood(batch, 1, 20_000), 1, `the broker takes no more after ${sent} messages`);
  }
  await using counting = await broker.connect();
  const channel = await counting.channel();
  const count = async () => (await channel.call("queue.declare", { queue: "q", passive: true }, 60_000)).messageCount;
  await eventually(async () => await count() === MILLION, { timeout: 60_000, what: "a million messages to wait" });
}

async function takeSome(broker: BrokerChild): Promise<void> {
  await using client = await broker.connect();
  const channel = await client.channel();
  await channel.call("basic.qos", { prefetchCount: 500 });
  await channel.consume("q");
  for (let number = 0; number < TAKEN; number++) {
    const { body, tag } = await channel.nextDelivery();
    assertEquals(new DataView(body.buffer).getUint32(0), number);
    channel.ack(tag);
  }
}

for (const [kind, deliveryMode] of [["persistent", 2], ["transient", 1]] as const) {
  Deno.test(`a million ${kind} messages wait on disk, and not in memory`, async () => {
    await using broker = await BrokerChild.start({ memoryLimit: 512 * MEGABYTE });
    {
      await using client = await broker.connect();
      await (await client.channel()).call("queue.declare", { queue: "q", durable: true });
    }
    let most = 0;
    const watch = setInterval(() => most = Math.max(most, broker.rss), 50);
    const started = performance.now();
    try {
      await publishMillion(broker, deliveryMode);
      const published = performance.now();
      await takeSome(broker);
      const taken = performance.now();
      console.log(
        `published in ${Math.round(published - started)} ms, ${TAKEN} taken in ${Math.round(taken - published)} ms, ` +
          `${Math.round(most / MEGABYTE)} MB at most`,
      );
    } finally {
      clearInterval(watch);
    }
    assert(most < MOST, `the broker had ${Math.round(most / MEGABYTE)} MB`);
    assertEquals(broker.log, []);
    if (deliveryMode !== 2) return;
    await broker.kill();
    const restarted = performance.now();
    await broker.start();
    console.log(`started again in ${Math.round(performance.now() - restarted)} ms`);
    assert(broker.rss < MOST);
  });
}

Deno.test("600,000 empty transient messages wait on disk, and not in memory", async () => {
  await using broker = await BrokerChild.start({ memoryLimit: 512 * MEGABYTE });
  await using client = await broker.connect();
  const channel = await client.channel();
  await channel.call("queue.declare", { queue: "q", durable: true });
  using publisher = await DeafClient.open(broker.url);
  const batch = joined(Array.from({ length: BATCH }, () => publishFrames({ routingKey: "q" }, new Uint8Array(0))));
  for (let sent = 0; sent < 600_000; sent += BATCH) assertEquals(await publisher.flood(batch, 1, 20_000), 1);
  const count = async () => (await channel.call("queue.declare", { queue: "q", passive: true }, 60_000)).messageCount;
  await eventually(async () => await count() === 600_000, { timeout: 60_000, what: "the messages to wait" });
  assert(broker.rss < MOST, `the broker has ${Math.round(broker.rss / MEGABYTE)} MB`);
  assertEquals(broker.log, []);
});
