import { assertEquals, assertThrows } from "@std/assert";
import { type Completion, Completions, unpackCompletions } from "../../../lib/sandbox/wire/completions.ts";
import { FrameEncoder, FrameReader } from "../../../lib/sandbox/wire/frames.ts";
import type { FromGuest } from "../../../lib/sandbox/wire/protocol.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const PROPERTIES = { deliveryMode: 2, timestamp: new Date(0) };

function output(body: string, routingKey = "q", headers: Record<string, unknown> = { a: 1, b: "ü", c: true }) {
  return { exchange: "", routingKey, body: bytes(body), properties: PROPERTIES, headers, delay: 5 };
}

/** What comes out of the other end of the socket. */
function sent(all: readonly Completion[]): Completion[] {
  const completions = new Completions();
  for (const completion of all) completions.add(completion);
  const [message] = new FrameReader<FromGuest>().push(new FrameEncoder().encode([completions.pack()]));
  return unpackCompletions(message.slice(1));
}

Deno.test("completions come out as they went in, each with its own outputs and result", () => {
  const all: Completion[] = [
    { id: 1, outputs: [output("one"), output(""), output("three", "other")], result: undefined },
    { id: 2, outputs: [], result: { body: bytes("{}"), contentType: "application/json" } },
    { id: 3, outputs: [output("x")], result: { body: bytes(""), contentType: undefined } },
  ];
  const rich = output("rich", "q", { big: 1n, date: new Date(1), bytes: bytes("x"), list: [1, { a: undefined }] });
  for (const group of [all, [...all, { id: 4, outputs: [rich, output("after")], result: undefined }]]) {
    assertSent(group);
  }
});

function assertSent(all: readonly Completion[]): void {
  assertEquals(
    sent(all).map(({ id, outputs, result }) => ({
      id,
      outputs: outputs.map((one) => ({ ...one, body: new Uint8Array(one.body) })),
      result: result && { ...result, body: new Uint8Array(result.body) },
    })),
    all.map((one) => ({ ...one, outputs: [...one.outputs] })),
  );
}

Deno.test("a content type beyond what a property can be is cut", () => {
  const [{ result }] = sent([{ id: 1, outputs: [], result: { body: bytes(""), contentType: "x".repeat(300) } }]);
  assertEquals(result?.contentType?.length, 255);
});

Deno.test("a group is full with a thousand completions, or with many bytes", () => {
  const many = new Completions();
  for (let id = 0; id < 999; id++) many.add({ id, outputs: [], result: { body: bytes(""), contentType: undefined } });
  assertEquals(many.full, false);
  many.add({ id: 999, outputs: [output("")], result: undefined });
  const large = new Completions();
  large.add({ id: 1, outputs: [{ ...output(""), body: new Uint8Array(16 * 1024 * 1024) }], result: undefined });
  assertEquals([many.full, large.full], [true, true]);
});

Deno.test("whatever a process says in its place is refused, and nothing of it is believed", () => {
  const one: unknown[] = [1, 1, 0, 0, "", "q", {}, {}, 0, 1];
  const forged: [what: string, ...parts: unknown[]][] = [
    ["no bytes", "bodies", one],
    ["no list", bytes("x"), { length: 10 }],
    ["a size beyond the bytes", bytes("x"), one.with(9, 2)],
    ["a negative size", bytes("x"), one.with(9, -1)],
    ["a size that is no number", bytes("x"), one.with(9, "1")],
    ["no size for its output", bytes("x"), one.slice(0, 9)],
    ["a result that is too large", bytes("x"), one.with(2, null).with(3, 1)],
    ["an id that is no number", bytes("x"), one.with(0, "1")],
    ["more outputs than there are", bytes("x"), one.with(1, 2)],
    ["more outputs than one may have", bytes("x"), one.with(1, 1e9)],
    ["a count that is no number", bytes("x"), one.with(1, NaN)],
    ["a content type that is no text", bytes("x"), one.with(2, {})],
    ["half a head", bytes(""), [1]],
    ["plain properties that are none", bytes("x"), one.with(6, "text"), true],
    ["plain properties of null", bytes("x"), one.with(6, null), true],
  ];
  for (const [what, ...parts] of forged) assertThrows(() => unpackCompletions(parts), TypeError, undefined, what);
  assertEquals(unpackCompletions([bytes("x"), one]).length, 1);
  assertEquals(unpackCompletions([bytes("x"), one, true]).length, 1);
});

Deno.test("one invocation publishes no more bytes than it may, however it says so", () => {
  const bodies = new Uint8Array(65 * 1024 * 1024);
  const parts = [bodies, [1, 1, 0, 0, "", "q", {}, {}, 0, bodies.length]];
  assertThrows(() => unpackCompletions(parts), TypeError);
});
