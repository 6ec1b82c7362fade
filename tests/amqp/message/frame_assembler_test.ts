import { assertEquals, assertThrows } from "@std/assert";
import { FrameAssembler } from "../../../lib/amqp/message/frame_assembler.ts";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { Random } from "../../broker/random.ts";
import { encodeFrame } from "../../support/amqp/wire.ts";

Deno.test("frames come whole and in their order, whatever pieces they are read in", () => {
  const random = Random.printed();
  const sizes = [0, 1, 7, 8, 100, 5_000, 131_072, 400_000];
  const frames = sizes.map((size, index) => encodeFrame(index % 4, index, random.bytes(size)));
  const bytes = joinBytes(frames);
  for (const most of [1, 3, 7, 8, 9, 1_000, 70_000, bytes.length]) {
    const found: Uint8Array[] = [];
    const assembler = new FrameAssembler(({ bytes }, at, size) => {
      found.push(bytes.slice(at, at + size));
    });
    for (let at = 0; at < bytes.length;) {
      const length = most === 1 ? 1 : random.between(1, most);
      assembler.push(bytes.slice(at, at + length));
      at += length;
    }
    assertEquals(found.map(({ length }) => length), frames.map(({ length }) => length));
    assertEquals(joinBytes(found), bytes);
  }
});

Deno.test("a frame without end is an error before there is room for it", () => {
  const head = Uint8Array.of(2, 0, 1, 0xff, 0xff, 0xff, 0xff);
  const assembler = new FrameAssembler(() => {});
  assertThrows(() => assembler.push(joinBytes([head, new Uint8Array(10)])), RangeError, "beyond the limit");
  const slow = new FrameAssembler(() => {});
  assertThrows(() => {
    for (const byte of [...head, 0]) slow.push(Uint8Array.of(byte));
  }, RangeError);
});
