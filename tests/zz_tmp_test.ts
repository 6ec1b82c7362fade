import { assert, assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import * as warren from "warren";
Deno.test("a", () => {
  assert(Hono);
  assert(HTTPException);
  assert(warren);
  assertEquals({ a: 1 }, { a: 1 });
  assertObjectMatch({ a: { b: 1, c: 2 } }, { a: { b: 1 } });
});
Deno.test("b", async () => {
  const e = await assertRejects(() => Promise.reject(new TypeError("xyz")), TypeError, "xy");
  assertEquals(e.message, "xyz");
});
Deno.test({ name: "c", ignore: true, fn() {} });
