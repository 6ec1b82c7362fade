import { assertEquals } from "@std/assert";
import { RateLimit } from "../../../lib/serving/flow/rate_limit.ts";

Deno.test("a rate limit lets through as many as it says, and then says how long to wait", () => {
  let now = 0;
  const limit = new RateLimit({ limit: 2, per: 1_000 }, () => now);
  assertEquals([limit.take(), limit.take(), limit.take()], [0, 0, 500]);
  now = 499;
  assertEquals(limit.take(), 1);
  now = 500;
  assertEquals([limit.take(), limit.take()], [0, 500]);
  // However long nothing came, no more than the limit starts at once.
  now = 60_000;
  assertEquals([limit.take(), limit.take(), limit.take()], [0, 0, 500]);
});
