import { assertEquals, assertNotEquals } from "@std/assert";
import { errorKind, topFrame } from "../../../lib/telemetry/runs/store/error_group.ts";

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
