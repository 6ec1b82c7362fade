/**
 * One load on a broker, in a process of its own: `load.ts URL QUEUE publish|consume|latency COUNT SIZE`. Prints the result as JSON:
 * messages a second, or milliseconds at the median and at the 99th percentile.
 */
import { FRAME, METHOD } from "../../lib/broker/protocol/constants.ts";
import { Reader } from "../../lib/broker/protocol/reader.ts";
import { Writer } from "../../lib/broker/protocol/writer.ts";
import { LoadClient, publishFrames } from "./load_client.ts";

/** Publishes that are not confirmed yet, at most, and deliveries that are not acked. */
const WINDOW = 1000;
const PREFETCH = 1000;
/** Publishes in one write. */
const BATCH = 50;
/** Messages a second while the latency is measured. */
const PACE = 500;

const [url, queue, what, countText, sizeText] = Deno.args;
const [count, size] = [Number(countText), Number(sizeText)];

/** Persistent messages with confirms. */
async function publish(): Promise<number> {
  using client = await LoadClient.connect(url);
  await client.call(METHOD.confirmSelect, METHOD.confirmSelectOk, 1, (writer) => void writer.u8(0));
  const one = publishFrames(queue, new Uint8Array(size).fill(120));
  const batch = new Uint8Array(one.length * BATCH);
  for (let i = 0; i < BATCH; i++) batch.set(one, i * one.length);
  const started = performance.now();
  const confirmed = new Confirmed();
  let sent = 0;
  const writing = (async () => {
    while (sent < count) {
      while (sent - confirmed.count >= WINDOW) await confirmed.more();
      sent += BATCH;
      await client.write(batch);
    }
  })();
  while (confirmed.count < count) {
    await client.frames((type, bytes, start) => type === FRAME.method && confirmed.take(bytes, start));
  }
  await writing;
  return count / (performance.now() - started) * 1000;
}

/** A consumer that acks each message by itself, the acks of one read in one write. */
async function consume(): Promise<number> {
  using client = await LoadClient.connect(url);
  await client.call(METHOD.basicQos, METHOD.basicQosOk, 1, (writer) => void writer.u32(0).u16(PREFETCH).u8(0));
  const started = performance.now();
  await client.send(
    METHOD.basicConsume,
    1,
    (writer) => void writer.u16(0).shortString(queue).shortString("c").u8(0).table({}),
  );
  const acks = new Writer(64 * 1024);
  for (let received = 0; received < count;) {
    acks.length = 0;
    await client.frames((type, bytes, start, end) => {
      if (type !== FRAME.method || new Reader(bytes, start, end).u32() !== METHOD.basicDeliver) return;
      acks.method(1, METHOD.basicAck).u64(++received).u8(0).end();
    });
    if (acks.length > 0) await client.write(acks.finish());
  }
  const rate = count / (performance.now() - started) * 1000;
  // The answer to the close says that the acks before it have arrived.
  await client.call(
    METHOD.channelClose,
    METHOD.channelCloseOk,
    1,
    (writer) => void writer.u16(200).shortString("").u32(0),
  );
  return rate;
}

/** From the publish of a persistent message to its delivery, at a steady pace. */
async function latency(): Promise<{ p50: number; p99: number }> {
  using publisher = await LoadClient.connect(url);
  using consumer = await LoadClient.connect(url);
  await consumer.send(
    METHOD.basicConsume,
    1,
    (writer) => void writer.u16(0).shortString(queue).shortString("c").u8(0).table({}),
  );
  await consumer.until(METHOD.basicConsumeOk);
  const sentAt: number[] = [];
  const took: number[] = [];
  const frames = publishFrames(queue, new Uint8Array(size).fill(120));
  const receiving = (async () => {
    while (took.length < count) {
      const acks = new Writer();
      await consumer.frames((type, bytes, start, end) => {
        if (type !== FRAME.method || new Reader(bytes, start, end).u32() !== METHOD.basicDeliver) return;
        took.push(performance.now() - sentAt[took.length]);
        acks.method(1, METHOD.basicAck).u64(took.length).u8(0).end();
      });
      if (acks.length > 0) await consumer.write(acks.finish());
    }
  })();
  const started = performance.now();
  for (let sent = 0; sent < count; sent++) {
    const due = started + sent * 1000 / PACE;
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 0));
    sentAt.push(performance.now());
    await publisher.write(frames);
  }
  await receiving;
  // The first ones find everything cold.
  const sorted = took.slice(Math.floor(count / 10)).sort((a, b) => a - b);
  return { p50: sorted[Math.floor(sorted.length * 0.5)], p99: sorted[Math.floor(sorted.length * 0.99)] };
}

/** Counts confirms, single and multiple. */
class Confirmed {
  count = 0;
  #wake = () => {};

  take(bytes: Uint8Array, start: number): void {
    const reader = new Reader(bytes, start);
    const method = reader.u32();
    if (method !== METHOD.basicAck) throw new Error(`expected basic.ack, got ${method}`);
    const tag = reader.u64();
    const multiple = reader.u8() !== 0;
    // Out of order there are only single ones, so the count is right either way.
    this.count = multiple ? Math.max(this.count, tag) : this.count + 1;
    this.#wake();
  }

  more(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

const loads: Record<string, () => Promise<unknown>> = { publish, consume, latency };
console.log(JSON.stringify(await loads[what]()));
Deno.exit(0);
