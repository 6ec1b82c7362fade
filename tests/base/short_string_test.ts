import { assert, assertEquals } from "@std/assert";
import { cutToShortString, isShortString } from "../../lib/base/short_string.ts";

Deno.test("a short string has 255 bytes at most, whatever its characters are", () => {
  assert(isShortString("") && isShortString("x".repeat(255)) && isShortString("€".repeat(85)));
  assert(!isShortString("x".repeat(256)) && !isShortString("ü".repeat(128)) && !isShortString("€".repeat(86)));
  assert(!isShortString(1) && !isShortString(undefined));
});

Deno.test("a text that is too long is cut between two characters", () => {
  assertEquals(cutToShortString("ü".repeat(128)), "ü".repeat(127));
  assertEquals(cutToShortString("x".repeat(300)), "x".repeat(255));
  assertEquals(cutToShortString("😀".repeat(64)), "😀".repeat(63));
  assertEquals(cutToShortString("short"), "short");
});
