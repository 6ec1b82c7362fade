import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { AMQPChannel } from "@cloudamqp/amqp-client";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { patchClient } from "../../../lib/amqp/client/client_patches.ts";
import { ByteWriter } from "../../support/amqp/byte_writer.ts";
import { encodeProperties } from "../../support/amqp/raw_codec.ts";
import { encodeFrame, FRAME_HEADER } from "../../support/amqp/wire.ts";
import config from "../../../deno.json" with { type: "json" };

type Table = Parameters<AMQPView["setTable"]>[1];

/** What a table is after it was written and read. */
function roundTrip(table: unknown): Record<string, unknown> {
  const view = new AMQPView(new ArrayBuffer(65_536));
  const written = view.setTable(0, table as Table);
  const [read, length] = view.getTable(0);
  assertEquals(length, written);
  return read;
}

/** The bytes of `depth` tables, each with the next one as its only field. */
function nested(depth: number): AMQPView {
  const each = 4 + 2 + 1; // length, the key "a", the type
  const view = new AMQPView(new ArrayBuffer(each * depth + 4));
  for (let level = 0; level < depth; level++) {
    const at = level * each;
    view.setUint32(at, (depth - level) * each - 4 + 4);
    view.setShortString(at + 4, "a");
    view.setUint8(at + 6, "F".charCodeAt(0));
  }
  view.setUint32(each * depth, 0);
  return view;
}

/** A table with one field of a type that there is not. */
function unknownType(): AMQPView {
  const view = new AMQPView(new ArrayBuffer(8));
  view.setUint32(0, 4);
  view.setShortString(4, "a");
  view.setUint8(6, "?".charCodeAt(0));
  return view;
}

/** Where the flags of the properties are in a frame with a content header. */
const FLAGS = 19;

/** A frame with a content header. */
function content(properties: Uint8Array): AMQPView {
  const header = new ByteWriter();
  header.short(60);
  header.short(0);
  header.longlong(0);
  header.raw(properties);
  const bytes = encodeFrame(FRAME_HEADER, 1, header.take());
  return new AMQPView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/** Both numbers that were corrupted, and their neighbours that were not. */
const NUMBERS = {
  zero: 0,
  small: -1,
  int32: 2 ** 31 - 1,
  negative: -(2 ** 31),
  uint32: 3_000_000_000,
  belowInt32: -3_000_000_000,
  long: 2 ** 40,
  largest: Number.MAX_SAFE_INTEGER,
  decimal: 0.1,
  huge: 1e300,
};

Deno.test("the mends are for this version of the client: read them again before another is pinned", () => {
  assertEquals(config.imports["@cloudamqp/amqp-client"], "npm:@cloudamqp/amqp-client@4.1.1");
});

Deno.test("each mend is needed, and mends what it says", async (test) => {
  // In this order: there is no way back from a mended prototype.
  await test.step("unmended, the client corrupts numbers", () => {
    assertNotEquals(roundTrip(NUMBERS).uint32, NUMBERS.uint32);
    assertNotEquals(roundTrip(NUMBERS).decimal, NUMBERS.decimal);
  });
  await test.step("unmended, deep tables and unknown types throw", () => {
    assertThrows(() => nested(15_000).getTable(0), RangeError);
    assertThrows(() => unknownType().getTable(0), Error, "not supported");
  });
  await test.step("unmended, a reserved property puts the next frame out of step, and a date is what it is not", () => {
    const view = content(encodeProperties({ clusterId: "c", timestamp: 2n ** 60n }));
    const [{ timestamp }, length] = view.getProperties(FLAGS);
    assert(Number.isNaN(timestamp?.getTime()));
    assertNotEquals(FLAGS + length + 1, view.byteLength);
  });
  await test.step("unmended, a zero and an empty text are left out", () => {
    const view = new AMQPView(new ArrayBuffer(100));
    assertEquals(view.setProperties(0, { priority: 0, contentType: "" }), 2);
  });

  patchClient();
  const { setField, getProperties } = AMQPView.prototype;
  patchClient();

  await test.step("it is applied once", () => {
    assert(AMQPView.prototype.setField === setField && AMQPView.prototype.getProperties === getProperties);
  });
  await test.step("numbers come back as they were", () => assertEquals(roundTrip(NUMBERS), NUMBERS));
  await test.step("everything else comes back as it was", () => {
    const table = {
      text: "é",
      yes: true,
      nothing: null,
      list: [1, "two", { three: 3.5 }],
      table: { deep: { deeper: 3_000_000_000 } },
      time: new Date(1_700_000_000_000),
      bytes: new Uint8Array([1, 2, 3]),
    };
    assertEquals(roundTrip(table), table);
  });
  await test.step("tables nested without end, and types that there are not, leave what follows readable", () => {
    for (const view of [nested(15_000), unknownType()]) assertEquals(view.getTable(0)[1], view.byteLength);
  });
  await test.step("whatever the properties are, the frame ends where it ends", () => {
    for (const properties of [{ clusterId: "c" }, { timestamp: 2n ** 60n }, { headers: { a: 1n } }, {}]) {
      const view = content(encodeProperties(properties));
      assertEquals(FLAGS + view.getProperties(FLAGS)[1] + 1, view.byteLength);
    }
    assertEquals(content(Uint8Array.of(0xff)).getProperties(FLAGS)[1], 1);
  });
  await test.step("a zero and an empty text are written", () => {
    const view = new AMQPView(new ArrayBuffer(100));
    assertEquals(view.setProperties(0, { priority: 0, contentType: "" }), 4);
  });
  await test.step("nesting that people use is read", () => {
    let table: Record<string, unknown> = { end: true };
    for (let depth = 0; depth < 20; depth++) table = { table };
    assertEquals(roundTrip(table), table);
  });
  await test.step("a byte array is a copy", () => {
    const view = new AMQPView(new ArrayBuffer(64));
    view.setTable(0, { bytes: new Uint8Array([1, 2]) });
    const bytes = view.getTable(0)[0].bytes as Uint8Array;
    new Uint8Array(view.buffer).fill(9);
    assertEquals([bytes, bytes.buffer.byteLength], [new Uint8Array([1, 2]), 2]);
  });
  await test.step("texts come back as they were, wherever they are in their buffer", () => {
    for (const text of ["", "a", "é€😀", "x".repeat(255), "\ufeffa"]) {
      const view = new AMQPView(new ArrayBuffer(600), 20, 500);
      const short = view.setShortString(3, text);
      assertEquals(view.getShortString(3), [text, short]);
      const written = view.setLongString(0, text);
      assertEquals(view.getLongString(0), [text, written]);
    }
    const long = "€".repeat(5_000);
    assertEquals(roundTrip({ long, [`k${"x".repeat(200)}`]: long }), { long, [`k${"x".repeat(200)}`]: long });
  });
  await test.step("a text that does not fit says so, and none is cut off", () => {
    const view = new AMQPView(new ArrayBuffer(300));
    assertThrows(() => view.setShortString(0, "é".repeat(128)), Error, "255 bytes at most");
    assertThrows(() => view.setShortString(0, "x".repeat(100_000)), Error, "255 bytes at most");
    assertThrows(() => view.setShortString(299, "a"), RangeError, "beyond its frame");
    assertThrows(() => view.setShortString(290, "€€€€"), RangeError, "beyond its frame");
    assertThrows(() => view.setLongString(0, "x".repeat(297)), RangeError, "beyond its frame");
    assertEquals(view.setLongString(0, "x".repeat(296)), 300);
    assertEquals(view.setShortString(290, "€€€"), 10);
  });
  await test.step("a text that claims to go on behind its frame is not read from the next one", () => {
    const view = new AMQPView(new ArrayBuffer(300), 0, 10);
    view.setUint8(0, 10);
    assertThrows(() => view.getShortString(0), RangeError);
    view.setUint32(0, 7);
    assertThrows(() => view.getLongString(0), RangeError);
  });
});

Deno.test("a confirm of several publishes counts for all up to it, also where its own number was settled before", () => {
  patchClient();
  const settled: unknown[] = [];
  const publish = (number: number) => [number, () => settled.push(number), () => settled.push(-number)];
  const channel = { unconfirmedPublishes: [1, 2, 3, 4].map(publish) };
  const { publishConfirmed } = AMQPChannel.prototype as unknown as {
    publishConfirmed(this: unknown, tag: number, multiple: boolean, nack: boolean): void;
  };
  publishConfirmed.call(channel, 3, false, true);
  publishConfirmed.call(channel, 3, true, false);
  publishConfirmed.call(channel, 9, false, false);
  assertEquals([settled, channel.unconfirmedPublishes.length], [[-3, 1, 2], 1]);
});
