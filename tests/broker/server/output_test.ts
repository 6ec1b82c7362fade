import { assert, assertEquals } from "@std/assert";
import { Output } from "../../../lib/broker/server/output.ts";
import type { Transport } from "../../../lib/broker/server/transport.ts";
import { encodeFrame } from "../../support/amqp/wire.ts";
import { joined } from "../fuzz_frames.ts";
import { makeMessage } from "../messages.ts";

/** Takes what is written as slowly as it is told to. */
class SlowTransport implements Transport {
  readonly remote = "test";
  readonly written: Uint8Array[] = [];
  gate: PromiseWithResolvers<void> | undefined;
  /** Bytes of the buffer that was written from last. */
  bufferSize = 0;

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes.slice());
    this.bufferSize = bytes.buffer.byteLength;
    await this.gate?.promise;
  }

  finish(): void {}
  close(): void {}
}

const heartbeat = (output: Output) => {
  const { writer } = output;
  writer.begin(8, 0);
  writer.end();
};

Deno.test("frames of one turn leave in one write", async () => {
  const transport = new SlowTransport();
  const output = new Output(transport);
  for (let times = 0; times < 3; times++) heartbeat(output);
  assertEquals(transport.written.length, 0);
  await output.drained();
  assertEquals(transport.written, [joined(Array(3).fill(encodeFrame(8, 0, new Uint8Array(0))))]);
});

Deno.test("what is written meanwhile leaves after what is under way, whole", async () => {
  const transport = new SlowTransport();
  const output = new Output(transport);
  const { promise, resolve } = transport.gate = Promise.withResolvers<void>();
  const message = makeMessage("x".repeat(10_000));
  const wanted: Uint8Array[] = [];
  for (let times = 0; times < 50; times++) {
    output.content(1, message, 4096);
    wanted.push(encodeFrame(2, 1, message.content.subarray(0, message.headerLength)));
    const body = message.content.subarray(message.headerLength);
    for (let at = 0; at < body.length; at += 4088) wanted.push(encodeFrame(3, 1, body.subarray(at, at + 4088)));
    await Promise.resolve();
  }
  transport.gate = undefined;
  resolve();
  await promise;
  await output.drained();
  assertEquals(joined(transport.written), joined(wanted));
});

Deno.test("a large buffer goes when only little was written for a while, and stays while much is", async () => {
  const transport = new SlowTransport();
  const output = new Output(transport);
  const sizes: number[] = [];
  const write = async (size: number) => {
    output.writer.raw(new Uint8Array(size));
    await output.drained();
    sizes.push(transport.bufferSize);
  };
  for (let times = 0; times < 20; times++) await write(200_000);
  assert(sizes.every((size) => size >= 200_000));
  for (let times = 0; times < 20; times++) await write(8);
  assert(sizes.slice(-5).every((size) => size <= 64 * 1024), `${sizes}`);
});

Deno.test("a client that does not read is full, until it has read", async () => {
  const transport = new SlowTransport();
  const output = new Output(transport);
  let drains = 0;
  output.onDrain = () => drains++;
  transport.gate = Promise.withResolvers<void>();
  const message = makeMessage(new Uint8Array(100_000));
  for (let times = 0; times < 5; times++) {
    output.content(1, message, 131_072);
    await Promise.resolve();
  }
  assertEquals([output.full, drains], [true, 0]);
  transport.gate.resolve();
  transport.gate = undefined;
  await output.drained();
  assertEquals([output.full, drains], [false, 1]);
});

Deno.test("a client that is gone is told of once, and what waits for it is dropped", async () => {
  const transport = new SlowTransport();
  transport.write = () => Promise.reject(new Error("gone"));
  const output = new Output(transport);
  const errors: unknown[] = [];
  output.onError = (error) => errors.push((error as Error).message);
  heartbeat(output);
  await output.drained();
  assertEquals([errors, output.full], [["gone"], false]);
});
