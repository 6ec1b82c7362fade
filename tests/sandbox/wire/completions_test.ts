import { assertEquals, assertThrows } from "@std/assert";
import { type Completion, Completions, unpackCompletions } from "../../../lib/sandbox/wire/completions.ts";
import { encodeFrame, FrameReader, type FromGuest } from "../../../lib/sandbox/wire/protocol.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function output(body: string, routingKey = "q") {
  const properties = { deliveryMode: 2, timestamp: new Date(0) };
  return { exchange: "", routingKey, body: bytes(body), properties, headers: { a: 1n }, delay: 5 };
}

/** What comes out of the other end of the socket. */
function sent(all: readonly Completion[]): Completion[] {
  const completions = new Completions();
  for (const completion of all) completions.add(completion);
  const [message] = new FrameReader<FromGuest>().push(encodeFrame([completions.pack()]));
  return unpackCompletions(message.slice(1));
}

Deno.test("completions come out as they went in, each with its own outputs and result", () => {
  const all: Completion[] = [
    { id: 1, outputs: [output("one"), output(""), output("three", "other")], result: undefined },
    { id: 2, outputs: [], result: { body: bytes("{}"), contentType: "application/json" } },
    { id: 3, outputs: [output("x")], result: { body: bytes(""), contentType: undefined } },
  ];
  assertEquals(
    sent(all).map(({ id, outputs, result }) => ({
      id,
      outputs: outputs.map((one) => ({ ...one, body: new Uint8Array(one.body) })),
      result: result && { ...result, body: new Uint8Array(result.body) },
    })),
    all.map((one) => ({ ...one, outputs: [...one.outputs] })),
  );
});

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
  const one = [1, 1, undefined, "", "q", {}, {}, 0];
  const forged: [what: string, ...parts: unknown[]][] = [
    ["no bytes", "bodies", [1], one],
    ["no sizes", bytes("x"), "1", one],
    ["no list", bytes("x"), [1], { length: 8 }],
    ["a size beyond the bytes", bytes("x"), [2], one],
    ["a negative size", bytes("x"), [-1], one],
    ["a size that is no number", bytes("x"), ["1"], one],
    ["no size for its output", bytes("x"), [], one],
    ["no size for its result", bytes("x"), [1], [1, 1, null, "", "q", {}, {}, 0]],
    ["an id that is no number", bytes("x"), [1], ["1", ...one.slice(1)]],
    ["more outputs than there are", bytes("x"), [1, 0], [1, 2, ...one.slice(2)]],
    ["more outputs than one may have", bytes("x"), [1], [1, 1e9, ...one.slice(2)]],
    ["a count that is no number", bytes("x"), [1], [1, NaN, ...one.slice(2)]],
    ["a content type that is no text", bytes("x"), [1, 0], [1, 1, {}, ...one.slice(3)]],
    ["half a head", bytes(""), [], [1]],
  ];
  for (const [what, ...parts] of forged) assertThrows(() => unpackCompletions(parts), TypeError, undefined, what);
  assertEquals(unpackCompletions([bytes("x"), [1], one]).length, 1);
});

Deno.test("one invocation publishes no more bytes than it may, however it says so", () => {
  const bodies = new Uint8Array(65 * 1024 * 1024);
  const parts = [bodies, [bodies.length], [1, 1, undefined, "", "q", {}, {}, 0]];
  assertThrows(() => unpackCompletions(parts), TypeError);
});
