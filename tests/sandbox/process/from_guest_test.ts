import { assertEquals, assertThrows } from "@std/assert";
import { checkedFromGuest } from "../../../lib/sandbox/process/from_guest.ts";

Deno.test("a process says with `ready` which bodies its function takes, or nothing of them", () => {
  assertEquals(checkedFromGuest(["ready"]), ["ready", undefined]);
  assertEquals(checkedFromGuest(["ready", undefined]), ["ready", undefined]);
  assertEquals(checkedFromGuest(["ready", '{"type":"object"}']), ["ready", { type: "object" }]);
});

Deno.test("what is not an object in JSON, or too large, breaks the protocol", () => {
  const large = JSON.stringify({ a: "a".repeat(65_536) });
  const deep = '{"a":'.repeat(101) + "1" + "}".repeat(101);
  for (const forged of [null, 5, {}, [], "", "{", "[]", "null", '"text"', large, deep]) {
    assertThrows(() => checkedFromGuest(["ready", forged]), TypeError, "no message of the protocol");
  }
});
