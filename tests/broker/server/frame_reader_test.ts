import { assertEquals, assertRejects } from "@std/assert";
import { FrameReader } from "../../../lib/broker/server/frame_reader.ts";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import type { Transport } from "../../../lib/broker/server/transport.ts";
import { encodeFrame } from "../../support/amqp/wire.ts";
import { joined } from "../fuzz_frames.ts";
import { Random } from "../random.ts";

/** Gives the bytes in parts of the sizes that are asked for, and then the end. */
class Parts implements Transport {
  readonly remote = "test";
  readonly #bytes: Uint8Array;
  readonly #sizes: () => number;
  #at = 0;

  constructor(bytes: Uint8Array, sizes: () => number = () => Infinity) {
    this.#bytes = bytes;
    this.#sizes = sizes;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const part = this.#bytes.subarray(this.#at, this.#at + Math.min(buffer.length, this.#sizes()));
    buffer.set(part);
    this.#at += part.length;
    return Promise.resolve(part.length === 0 ? null : part.length);
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  finish(): void {}
  close(): void {}
}

interface Seen {
  type: number;
  channel: number;
  payload: Uint8Array;
}

async function readAll(reader: FrameReader, enough: () => boolean = () => false): Promise<Seen[]> {
  const seen: Seen[] = [];
  while (await reader.more()) {
    reader.handOver((type, channel, bytes, start, end) => {
      seen.push({ type, channel, payload: bytes.slice(start, end) });
      return !enough();
    });
  }
  return seen;
}

Deno.test("frames come whole and in order, however their bytes come, and however few are wanted at once", async () => {
  const random = new Random(13);
  const wanted: Seen[] = Array.from({ length: 400 }, () => ({
    type: random.int(256),
    channel: random.int(65_536),
    payload: random.bytes(random.pick([0, 1, 100, 20_000, random.chance(0.05) ? 131_064 : 5])),
  }));
  const bytes = joined(wanted.map(({ type, channel, payload }) => encodeFrame(type, channel, payload)));
  for (const sizes of [() => 1, () => random.int(50) + 1, () => random.int(40_000) + 1, () => Infinity]) {
    const few = sizes() === 1 ? bytes.subarray(0, 5_000) : bytes;
    const seen = await readAll(new FrameReader(new Parts(few, sizes), 131_072), () => random.chance(0.3));
    assertEquals(seen, wanted.slice(0, seen.length));
    if (few === bytes) assertEquals(seen.length, wanted.length);
  }
});

Deno.test("what came with the first bytes is not left waiting for more", async () => {
  const bytes = joined([new Uint8Array(8), encodeFrame(1, 0, new Uint8Array(4)), encodeFrame(8, 0, new Uint8Array(0))]);
  const reader = new FrameReader(new Parts(bytes), 131_072);
  assertEquals((await reader.bytes(8))?.length, 8);
  assertEquals((await readAll(reader)).map(({ type }) => type), [1, 8]);
});

Deno.test("an end in the middle of a frame is an end", async () => {
  const bytes = joined([encodeFrame(1, 0, new Uint8Array(4)), encodeFrame(1, 0, new Uint8Array(4)).subarray(0, 9)]);
  assertEquals((await readAll(new FrameReader(new Parts(bytes), 131_072))).length, 1);
  assertEquals(await new FrameReader(new Parts(bytes), 131_072).bytes(1000), undefined);
});

Deno.test("a frame too large is refused before it is there, and one without its end mark when it is", async () => {
  const large = encodeFrame(3, 1, new Uint8Array(4097)).subarray(0, 7);
  const error = await assertRejects(() => readAll(new FrameReader(new Parts(large), 4096)), AmqpError);
  assertEquals(error.code, 501);
  assertEquals((await readAll(new FrameReader(new Parts(encodeFrame(3, 1, new Uint8Array(4096))), 4096))).length, 1);
  const unmarked = encodeFrame(3, 1, new Uint8Array(4), 0);
  await assertRejects(() => readAll(new FrameReader(new Parts(unmarked), 4096)), AmqpError, "does not end");
});

Deno.test("after a large frame a client that is waited for has a small buffer again", async () => {
  const asked: number[] = [];
  const bytes = joined([
    encodeFrame(3, 1, new Uint8Array(100_000)),
    encodeFrame(3, 1, new Uint8Array(10)),
    encodeFrame(3, 1, new Uint8Array(100_000)),
    encodeFrame(3, 1, new Uint8Array(10)),
  ]);
  const sizes = [100_008, 18, 100_008, 18];
  const parts = new Parts(bytes);
  const read = parts.read.bind(parts);
  let left = sizes.shift()!;
  parts.read = async (buffer) => {
    asked.push(buffer.buffer.byteLength);
    const count = await read(buffer.subarray(0, left)) ?? 0;
    left -= count;
    if (left === 0) left = sizes.shift() ?? 0;
    return count;
  };
  const seen = await readAll(new FrameReader(parts, 131_072));
  assertEquals(seen.map(({ payload }) => payload.length), [100_000, 10, 100_000, 10]);
  const [small, large] = [16 * 1024, 256 * 1024];
  assertEquals(asked, [small, large, small, small, large, small, small]);
});

Deno.test("what is dropped is not handed over", async () => {
  const reader = new FrameReader(new Parts(encodeFrame(1, 0, new Uint8Array(4))), 4096);
  assertEquals([await reader.discard(), await reader.discard()], [true, false]);
});
