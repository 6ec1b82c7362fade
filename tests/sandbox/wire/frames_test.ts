import { assertEquals, assertThrows } from "@std/assert";
import { serialize } from "node:v8";
import { FrameEncoder, FrameReader, MAX_FRAME } from "../../../lib/sandbox/wire/frames.ts";
import { Invocations, type Started, unpack } from "../../../lib/sandbox/wire/invocations.ts";
import type { FromGuest, ToGuest } from "../../../lib/sandbox/wire/protocol.ts";
import type { Invocation } from "../../../lib/invocation/sandbox.ts";
import { anInvocation } from "../../support/invocation.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function invocation(more: Partial<Invocation> = {}): Invocation {
  return anInvocation({
    body: bytes("body"),
    properties: { contentType: "application/json", deliveryMode: 2 },
    ...more,
  });
}

/** What comes out of the other end of the socket, and the kind of the first frame. */
function sent(given: readonly Invocation[]): { started: Started[]; kind: number } {
  const invocations = new Invocations();
  for (const [at, each] of given.entries()) invocations.add({ id: at + 1, batch: 0, invocation: each, endsAt: 1.5 });
  const frame = new FrameEncoder().encode([invocations.take()]);
  const messages = new FrameReader<ToGuest>().push(frame);
  return {
    started: messages.flatMap((message) => unpack(message as ToGuest & { 0: "invoke" })),
    kind: frame[4],
  };
}

function assertSent(given: readonly Invocation[], kind: number): void {
  const { started, kind: found } = sent(given);
  const expected = given.map((each, at) => ({ ...each, id: at + 1, deadline: 1.5, batch: 0 }));
  assertEquals([started, found], [expected, kind]);
}

Deno.test("invocations come out as they went in, as text where JSON has all of their values", () => {
  const properties = { messageId: 'a "quoted" ü \ud800 id', timestamp: new Date(1_700_000_000_000), priority: 5 };
  const plain = [
    invocation(),
    invocation({ body: bytes("") }),
    invocation({ properties, headers: { text: "ü", whole: 5, half: 0.5, yes: true, __proto__x: "x" } }),
    invocation({ exchange: "topic", redelivered: true, attempt: 3, wantsResult: true }),
    invocation({ properties: {} }),
  ];
  assertSent(plain, 2);
  const rich: Record<string, unknown>[] = [
    { big: 2n ** 60n },
    { date: new Date(0) },
    { bytes: bytes("x") },
    { list: [1, "two", { three: 3n }] },
    { none: undefined },
    { nothing: null },
    { zero: -0 },
    { number: NaN },
    { number: Infinity },
  ];
  for (const headers of rich) assertSent([...plain, invocation({ headers }), invocation()], 0xff);
  assertSent([invocation({ properties: { timestamp: new Date(NaN) } })], 0xff);
});

Deno.test("handlers share no objects, not even those that are sent once", () => {
  const { started: [one, other] } = sent([invocation(), invocation()]);
  one.properties.contentType = "text/plain";
  one.headers.a = 1;
  one.body[0] = 0;
  assertEquals([other.properties.contentType, other.headers, other.body], ["application/json", {}, bytes("body")]);
});

Deno.test("messages of all kinds stay in their order, in whatever pieces they come", () => {
  const messages: FromGuest[] = [
    ["done", [1, 2]],
    ["log", 1, "info", "text with ü", undefined],
    ["completed", bytes("abc"), [1, 1, 0, 0, "", "q", {}, {}, 0, 3], true],
    ["completed", bytes("d"), [1, 1, 0, 0, "", "q", {}, { big: 1n }, 0, 1], false],
    ["result", 3, "failed", { type: "Error", message: "m" }, undefined],
  ];
  const all = new FrameEncoder().encode(messages);
  for (const size of [1, 3, 7, all.length]) {
    const reader = new FrameReader<FromGuest>();
    const found: FromGuest[] = [];
    for (let at = 0; at < all.length; at += size) found.push(...reader.push(all.slice(at, at + size)));
    assertEquals(found, messages, `in pieces of ${size}`);
  }
});

Deno.test("a frame that is none is an error, whatever is in it", () => {
  const frame = (...payload: number[]) => new Uint8Array([0, 0, 0, payload.length, ...payload]);
  const text = (kind: number, json: string, length = json.length) => frame(kind, 0, 0, 0, length, ...bytes(json));
  const forged = [
    text(1, "[[", 2),
    text(1, "{}"),
    text(1, "[]", 3),
    text(2, "5"),
    text(2, "[]", 255),
    frame(1),
    frame(2, 0, 0),
    frame(7, 1, 2, 3),
    frame(),
    frame(0xff, 0x0f, 0x2a),
    new Uint8Array([0xff, 0xff, 0xff, 0xff, 1]),
  ];
  for (const [at, bad] of forged.entries()) {
    assertThrows(() => new FrameReader<unknown>().push(bad), Error, undefined, `forged frame ${at}`);
  }
  assertEquals(MAX_FRAME, 256 * 1024 * 1024);
  const v8 = serialize([["pong"]]);
  assertEquals(new FrameReader<unknown>().push(new Uint8Array([0, 0, 0, v8.length, ...v8])), [["pong"]]);
});
