import { assertEquals } from "@std/assert";
import { withoutVariables } from "../../../lib/invocation/insight/without_variables.ts";

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
