import { assertEquals, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import { Reader } from "../../../lib/broker/protocol/reader.ts";
import { ByteWriter } from "../../support/amqp/byte_writer.ts";

Deno.test("every type is read as it was written", () => {
  const writer = new ByteWriter();
  writer.octet(255);
  writer.short(65535);
  writer.long(2 ** 32 - 1);
  writer.longlong(2 ** 53 - 1);
  writer.shortstr("é");
  writer.longstr("long €");
  writer.longstr(Uint8Array.of(1, 2));
  const reader = new Reader(writer.take());
  assertEquals([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [255, 65535, 2 ** 32 - 1, 2 ** 53 - 1]);
  assertEquals([reader.shortString(), reader.longString()], ["é", "long €"]);
  assertEquals(reader.longBytes(), Uint8Array.of(1, 2));
  assertEquals(reader.offset, reader.end);
});

Deno.test("nothing is read beyond the end, also where the bytes go on", () => {
  const bytes = new Uint8Array(100).fill(50);
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.u8(),
    (reader) => reader.u16(),
    (reader) => reader.u32(),
    (reader) => reader.u64(),
    (reader) => reader.shortString(),
    (reader) => reader.longBytes(),
    (reader) => reader.table(),
  ];
  for (const read of reads) {
    assertEquals(assertThrows(() => read(new Reader(bytes, 10, 10)), AmqpError).code, 502);
    const reader = new Reader(bytes, 90, 97);
    reader.offset = 96;
    if (read !== reads[0]) assertThrows(() => read(reader), AmqpError, "frame ends at 97");
  }
});

Deno.test("bytes that are taken are copies", () => {
  const bytes = Uint8Array.of(0, 0, 0, 1, 7);
  const taken = new Reader(bytes).longBytes();
  bytes[4] = 8;
  assertEquals(taken, Uint8Array.of(7));
});
