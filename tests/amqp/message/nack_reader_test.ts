import { assertEquals } from "@std/assert";
import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { takeNack } from "../../../lib/amqp/message/nack_reader.ts";

/** A method frame of class 60 on channel 1, with these flags. */
function frame(method: number, tag: number, flags: number) {
  const bytes = new Uint8Array(7 + 4 + 8 + 1 + 1);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint16(1, 1);
  view.setUint32(3, 13);
  view.setUint16(7, 60);
  view.setUint16(9, method);
  view.setBigUint64(11, BigInt(tag));
  bytes[19] = flags;
  bytes[20] = 0xce;
  return { bytes, view };
}

function read(method: number, tag: number, flags: number) {
  const confirmed: unknown[] = [];
  const channel = { publishConfirmed: (...args: unknown[]) => confirmed.push(args) } as unknown as AMQPChannel;
  const from = frame(method, tag, flags);
  const taken = takeNack(from, 0, from.bytes.length, [undefined, channel]);
  return { taken, confirmed };
}

Deno.test("the refusal of several publishes counts for all of them, whatever its other flag says", () => {
  for (const [flags, multiple] of [[0, false], [1, true], [2, false], [3, true]] as const) {
    assertEquals(read(120, 7, flags), { taken: true, confirmed: [[7, multiple, true]] });
  }
});

Deno.test("other frames are left to the client", () => {
  assertEquals(read(80, 7, 1), { taken: false, confirmed: [] });
  const from = frame(120, 7, 0);
  assertEquals(takeNack(from, 0, from.bytes.length, []), false);
});
