import { assertEquals, assertNotEquals } from "@std/assert";
import { errorKind, topFrame, withoutVariables } from "../../../lib/telemetry/runs/store/error_group.ts";

Deno.test("numbers, ids, times and quoted texts are taken out of a message", () => {
  for (
    const [message, expected] of [
      ["order 17 not found", "order … not found"],
      ["no user 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "no user …"],
      [`unexpected token "x" at 1:20`, "unexpected token … at …"],
      ["timeout of 30.5 s at 2026-11-27T04:00:00.123Z", "timeout of … s at …"],
      ["key cus_9s6XKzkNRiz8i3 is blocked", "key … is blocked"],
      ["connect to 10.0.0.7:5432 refused", "connect to … refused"],
      ["it is what it is", "it is what it is"],
      ["", ""],
    ]
  ) assertEquals(withoutVariables(message), expected);
});

Deno.test("a message of a megabyte does not hold up anything, and is cut", () => {
  assertEquals(withoutVariables('"'.repeat(1_000_001)).length <= 300, true);
  assertEquals(withoutVariables("a-".repeat(500_000)).length <= 300, true);
});

Deno.test("the top frame is the first of the function's own code, without its column", () => {
  const stack = [
    "TypeError: x",
    "    at async fetch (ext:deno_fetch/26_fetch.js:1:2)",
    "    at async load (file:///app/functions/pay.ts:12:34)",
    "    at file:///app/functions/pay.ts:40:1",
  ].join("\n");
  assertEquals(topFrame(stack), "async load (file:///app/functions/pay.ts:12)");
  assertEquals(topFrame("Error: x\n    at file:///a.ts:40:1"), "file:///a.ts:40");
  assertEquals(topFrame("Error: x\n    at node:fs:1:2"), "node:fs:1");
  assertEquals([topFrame("Error"), topFrame(undefined)], [undefined, undefined]);
});

Deno.test("failures of another function, type or place are of another kind", () => {
  const kind = (name: string, type: string, message: string, stack?: string) =>
    errorKind({ function: name, error: { type, message } }, stack).key;
  const key = kind("a", "Error", "no 1");
  assertEquals(kind("a", "Error", "no 2"), key);
  for (const other of [kind("b", "Error", "no 1"), kind("a", "TypeError", "no 1"), kind("a", "Error", "yes 1")]) {
    assertNotEquals(other, key);
  }
  assertNotEquals(kind("a", "Error", "no 1", "Error\n at f (file:///f.ts:1:1)"), key);
});
