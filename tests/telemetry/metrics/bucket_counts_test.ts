import { assertEquals } from "@std/assert";
import { BucketCounts } from "../../../lib/telemetry/metrics/bucket_counts.ts";

Deno.test("a value is counted up to the first bound that it does not exceed, and in all after it", () => {
  const counts = new BucketCounts([1, 5]);
  for (const value of [0.5, 1, 1.5, 5, 6]) counts.add(value);
  assertEquals([counts.cumulative(), counts.sum], [[2, 4, 5], 14]);
});

Deno.test("a negative value, as after a clock was set back, is 0 and not a smaller sum", () => {
  const counts = new BucketCounts([1]);
  counts.add(2);
  counts.add(-7);
  assertEquals([counts.cumulative(), counts.sum], [[1, 2], 2]);
});
