import { assert, assertEquals, assertThrows } from "@std/assert";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { patchClient } from "../../../lib/amqp/client/client_patches.ts";
import { keepReceived, readProperties, receivedOf } from "../../../lib/amqp/message/content_header.ts";
import { Random } from "../../broker/random.ts";
import { EVERY_PROPERTY, EVERY_TYPE, nested, ODD, withHeader } from "../../support/amqp/odd_messages.ts";
import { encodeProperties, field } from "../../support/amqp/raw_codec.ts";
import { rawParts } from "../../support/amqp/raw_headers.ts";

patchClient();

function read(bytes: Uint8Array): AMQPProperties {
  return readProperties({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset) }, 0, bytes.length);
}

function written(properties: AMQPProperties, room = 200_000): Uint8Array {
  const view = new AMQPView(new ArrayBuffer(room));
  return new Uint8Array(view.buffer, 0, view.setProperties(0, properties));
}

/** What a copy is made of: other objects, with the same values. */
function copyOf(properties: AMQPProperties, headers: Record<string, object> = {}): AMQPProperties {
  return keepReceived({ ...properties, headers: { ...properties.headers, ...headers } }, properties);
}

const bytesOf = (properties: typeof ODD[string]) =>
  properties instanceof Uint8Array ? properties : encodeProperties(properties);

Deno.test("a copy is byte for byte what it is a copy of, and has what is new behind that", () => {
  for (const [what, properties] of Object.entries(ODD)) {
    const bytes = bytesOf(properties);
    const decoded = read(bytes);
    const before = rawParts(bytes);
    const after = rawParts(written(copyOf(decoded, { new: "x" as unknown as object })));
    for (const [name, value] of Object.entries(before)) assertEquals(after[name], value, `${what}: ${name}`);
    assertEquals(after["header new"], "S 78", what);
    if (decoded.headers && !decoded.headers["warren-malformed"]) assertEquals(written(decoded), bytes, what);
  }
});

Deno.test("what is changed or taken away is not as it came", () => {
  const decoded = read(encodeProperties({ ...EVERY_PROPERTY, headers: EVERY_TYPE }));
  const copy = copyOf(decoded, { long: 5 as unknown as object });
  delete copy.messageId;
  copy.correlationId = "other";
  delete copy.headers!.double;
  const parts = rawParts(written(copy));
  assertEquals([parts["header long"], parts["header double"]], ["I 00000005", undefined]);
  assertEquals([parts.messageId, parts.correlationId], [undefined, new TextEncoder().encode("other").toHex()]);
});

Deno.test("integers are numbers where they are safe, and bigints where they are not", () => {
  const headers = read(encodeProperties({ headers: EVERY_TYPE })).headers as Record<string, unknown>;
  assertEquals([headers.long, headers.longest, headers.smallLong], [2n ** 53n + 1n, -(2n ** 63n), 7]);
  assertEquals(headers.time, new Date(1_700_000_000_000));
  assertEquals(headers.lateTime, 2n ** 60n, "a time beyond the range of a date is its seconds");
  assertEquals([headers.decimal, headers.unsignedInt, headers.byte], [123.45, 4_000_000_000, -3]);
  assertEquals(Object.keys(headers).length, Object.keys(EVERY_TYPE).length);
});

Deno.test("a header that is named __proto__ is one, and no prototype", () => {
  const decoded = read(encodeProperties({ headers: { ["__proto__"]: { a: 1 } } }));
  assertEquals(Object.keys(decoded.headers!), ["__proto__"]);
  assertEquals(Object.getPrototypeOf(decoded.headers), Object.prototype);
  assertEquals(Object.keys(rawParts(written(copyOf(decoded)))), ["header __proto__"]);
});

Deno.test("a timestamp beyond the range of a date is absent, and copied", () => {
  for (const timestamp of [2n ** 63n - 1n, 2n ** 60n, -(2n ** 62n), 1_600_000_000_000_000n]) {
    const decoded = read(encodeProperties({ timestamp, messageId: "m" }));
    assertEquals(decoded.timestamp, undefined);
    assertEquals(
      rawParts(written(copyOf(decoded))).timestamp,
      BigInt.asUintN(64, timestamp).toString(16).padStart(16, "0"),
    );
  }
});

Deno.test("a header that cannot be read costs no other, and says what is wrong", () => {
  const headers = read(withHeader("F", nested(40))).headers as Record<string, unknown>;
  assertEquals([headers.before, headers.after], [true, null]);
  assertEquals(headers["warren-malformed"], 'the header "odd" is nested deeper than 32');
});

Deno.test("a header without an end is kept as bytes, with all that follows it", () => {
  const decoded = read(withHeader("?", Uint8Array.of(1, 2, 3)));
  assertEquals(Object.keys(decoded.headers!), ["before", "warren-malformed"]);
  const rest = receivedOf(decoded)!.rest;
  assertEquals(new TextDecoder().decode(rest.subarray(1, 5)), "odd?");
  assertEquals(rest.at(-1), "V".charCodeAt(0));
});

Deno.test("flags that AMQP does not have are a message that cannot be read, with what can be", () => {
  for (const [flags, more] of [[0x8001, [0x40, 0x00]], [0x8002, []], [0x8001, [0x00, 0x01, 0x80, 0x00]]] as const) {
    const bytes = Uint8Array.from([flags >> 8, flags & 255, ...more, 1, 97, 9, 9]);
    const { contentType, headers } = read(bytes);
    assertEquals(contentType, "a");
    assertEquals(headers?.["warren-malformed"] as unknown, "there are properties that AMQP 0-9-1 does not have");
  }
});

Deno.test("whatever the bytes are, they are read without an error, and what is copied can be read again", () => {
  const random = Random.printed();
  const sources = [...Object.values(ODD).map(bytesOf), bytesOf({ headers: { a: field("l", 1n) } })]
    .filter((bytes) => bytes.length < 2_000);
  for (let n = 0; n < 20_000; n++) {
    const bytes = random.chance(0.1) ? random.bytes(random.int(60)) : random.pick(sources).slice();
    const end = random.chance(0.2) ? random.int(bytes.length + 1) : bytes.length;
    for (let flips = random.int(4); flips > 0 && bytes.length > 0; flips--) {
      bytes[random.int(Math.min(bytes.length, random.pick([2, 10, 2_000])))] ^= 1 << random.int(8);
    }
    const decoded = read(bytes.subarray(0, end));
    const unread = receivedOf(decoded)!.rest;
    const copy = written(copyOf(decoded, unread.length > 0 ? { unread } : {}));
    const again = rawParts(copy);
    assertEquals(Object.keys(again).includes("header unread"), unread.length > 0);
    // A copy of the copy changes nothing any more.
    assertEquals(written(copyOf(read(copy))), copy);
  }
});

Deno.test("what does not fit is an error, and nothing is written behind the room", () => {
  const large = copyOf(read(encodeProperties({ headers: { large: "x".repeat(1_000) } })));
  assertThrows(() => written(large, 900), RangeError);
  assertThrows(() => written({ timestamp: new Date(NaN) }), RangeError);
  assertThrows(() => written({ headers: { time: new Date(NaN) } }), RangeError);
});

Deno.test("a table that no broker would take is kept as bytes, wherever in it the fault is", () => {
  const wrong = nested(3);
  wrong[wrong.length - 5] = "?".charCodeAt(0);
  const decoded = read(withHeader("F", wrong));
  const { before, after, odd } = decoded.headers as Record<string, unknown>;
  assertEquals([before, after, odd], [true, null, '(has the unknown type "?")']);
  const parts = rawParts(written(copyOf(decoded, { unread: receivedOf(decoded)!.rest })));
  assertEquals(parts["header odd"], `S ${new TextEncoder().encode(String(odd)).toHex()}`);
  assert(parts["header unread"].endsWith(wrong.toHex()));
});
