import { assertEquals } from "@std/assert";
import { METHOD } from "../../../lib/broker/protocol/constants.ts";
import { Reader } from "../../../lib/broker/protocol/reader.ts";
import { shortStringBytes, Writer } from "../../../lib/broker/protocol/writer.ts";
import { Random } from "../random.ts";
import { encodeFrame } from "../../support/amqp/wire.ts";

Deno.test("what is written is read as the same, however the buffer has to grow", () => {
  const writer = new Writer(8);
  writer.u8(1).u16(2).u32(3).u64(2 ** 40 + 5).shortString("é").longString("€".repeat(5_000)).table({ a: [1, null] });
  const reader = new Reader(writer.finish());
  assertEquals([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [1, 2, 3, 2 ** 40 + 5]);
  assertEquals([reader.shortString(), reader.longString()], ["é", "€".repeat(5_000)]);
  assertEquals(reader.table().a, [1, null]);
  assertEquals(reader.offset, reader.end);
});

Deno.test("frames follow each other whole", () => {
  const random = new Random(9);
  const writer = new Writer(16);
  const wanted: number[] = [];
  for (let times = 0; times < 300; times++) {
    const payload = random.bytes(random.pick([0, 1, 63, 64, 65, 500]));
    const channel = random.int(65_536);
    if (random.chance(0.5)) {
      writer.method(channel, METHOD.basicAck).raw(payload).end();
      wanted.push(...encodeFrame(1, channel, new Uint8Array([0, 60, 0, 80, ...payload])));
    } else {
      writer.frame(3, channel, new Uint8Array([9, ...payload, 9]), 1, payload.length + 1);
      wanted.push(...encodeFrame(3, channel, payload));
    }
  }
  assertEquals(writer.finish(), new Uint8Array(wanted));
});

Deno.test("a short string is cut between two characters", () => {
  for (const text of ["x".repeat(300), "é".repeat(200), "€".repeat(200), "😀".repeat(100)]) {
    const bytes = shortStringBytes(text);
    assertEquals(bytes[0], bytes.length - 1);
    const back = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(1));
    assertEquals(text.startsWith(back), true);
    assertEquals(bytes.length > 252, true);
  }
  assertEquals(shortStringBytes(""), Uint8Array.of(0));
});
