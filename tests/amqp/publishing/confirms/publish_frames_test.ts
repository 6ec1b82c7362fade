import { assert, assertEquals, assertThrows } from "@std/assert";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { patchClient } from "../../../../lib/amqp/client/client_patches.ts";
import { PublishFrames } from "../../../../lib/amqp/publishing/confirms/publish_frames.ts";

const CHANNEL = 7;

/** The frames in these bytes: their types, and their payloads. */
function framesIn(bytes: Uint8Array): { type: number; payload: Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const size = view.getUint32(at + 3);
    assertEquals([view.getUint16(at + 1), bytes[at + 7 + size]], [CHANNEL, 0xce]);
    frames.push({ type: bytes[at], payload: bytes.slice(at + 7, at + 7 + size) });
    at += size + 8;
  }
  return frames;
}

function message(body: Uint8Array, headers?: Record<string, unknown>) {
  return { exchange: "é", routingKey: "orders.eu", body, properties: { contentType: "text/plain", headers } as object };
}

Deno.test("a publish is a method, a header and as many body frames as it takes, none beyond the agreed size", () => {
  const frameMax = 4_096;
  for (const size of [0, 1, frameMax - 8, frameMax - 7, 20_000, 200_000]) {
    const body = new Uint8Array(size).map((_, at) => at % 251);
    const frames = framesIn(new PublishFrames(frameMax).encode(CHANNEL, message(body), true));
    assertEquals(frames.map(({ type }) => type), [1, 2, ...Array(Math.ceil(size / (frameMax - 8))).fill(3)]);
    assert(frames.every(({ payload }) => payload.length + 8 <= frameMax));
    const method = new AMQPView(frames[0].payload.buffer as ArrayBuffer);
    assertEquals([method.getUint16(0), method.getUint16(2)], [60, 40]);
    const [exchange, length] = method.getShortString(6);
    assertEquals([exchange, method.getShortString(6 + length)[0]], ["é", "orders.eu"]);
    assertEquals(frames[0].payload.at(-1), 1);
    const header = new DataView(frames[1].payload.buffer);
    assertEquals([header.getUint16(0), Number(header.getBigUint64(4))], [60, size]);
    const got = new Uint8Array(size);
    let at = 0;
    for (const { payload } of frames.slice(2)) {
      got.set(payload, at);
      at += payload.length;
    }
    assertEquals(got, body);
  }
});

Deno.test("properties are written as the client writes them", () => {
  patchClient();
  const headers = { text: "é", list: [1, null, { deep: true }], long: 2 ** 40, decimal: 0.1, bytes: Uint8Array.of(1) };
  const properties = { contentType: "a/b", deliveryMode: 2, timestamp: new Date(5_000), messageId: "m", headers };
  const frames = framesIn(
    new PublishFrames(131_072).encode(
      CHANNEL,
      { ...message(new Uint8Array(1)), properties: properties as object },
      false,
    ),
  );
  const view = new AMQPView(new ArrayBuffer(1_000));
  const length = view.setProperties(0, properties as object);
  assertEquals(frames[1].payload.slice(12), new Uint8Array(view.buffer, 0, length));
  assertEquals(frames[0].payload.at(-1), 0);
});

Deno.test("headers that fill a frame go, and one byte more is an error before anything is sent", () => {
  const frames = new PublishFrames(4_096);
  const encode = (size: number) => frames.encode(CHANNEL, message(new Uint8Array(1), { h: "x".repeat(size) }), true);
  // Its frame, class, weight and size, flags, a content type, and the table with its one field.
  const most = 4_096 - 8 - 12 - 2 - 11 - 4 - 7;
  assertEquals(framesIn(encode(most))[1].payload.length + 8, 4_096);
  assertThrows(() => encode(most + 1), RangeError, "do not fit into a frame of 4096");
  assertThrows(() => encode(50_000), RangeError);
  assertEquals(framesIn(encode(1)).length, 3);
});

Deno.test("what a client would not copy has a buffer of its own", () => {
  const frames = new PublishFrames(131_072);
  const [small, large] = [100, 70_000].map((size) => frames.encode(CHANNEL, message(new Uint8Array(size)), true));
  const [next, other] = [100, 70_000].map((size) => frames.encode(CHANNEL, message(new Uint8Array(size)), true));
  assert(small.buffer === next.buffer && large.buffer !== other.buffer && large.buffer !== small.buffer);
});

Deno.test("a broker without a limit gets frames as large as others allow", () => {
  const frames = framesIn(new PublishFrames(0).encode(CHANNEL, message(new Uint8Array(200_000)), true));
  assertEquals(frames.slice(2).map(({ payload }) => payload.length), [131_064, 68_936]);
});
