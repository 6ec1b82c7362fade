import { assertEquals, assertThrows } from "@std/assert";
import { formatDuration, parseDuration } from "../../../lib/base/time/duration.ts";
import { WarrenError } from "../../../lib/base/errors.ts";

Deno.test("parseDuration() reads milliseconds and each unit, decimals too", () => {
  const cases = [[0, 0], [1500, 1500], ["250ms", 250], ["30s", 30_000], ["5m", 300_000], ["2h", 7_200_000]] as const;
  for (const [value, ms] of cases) assertEquals(parseDuration(value), ms);
  assertEquals(parseDuration("1d"), 86_400_000);
  assertEquals(parseDuration("1.5s"), 1_500);
  assertEquals(parseDuration("40"), 40);
});

Deno.test("parseDuration() refuses what is not a duration, and quotes it", () => {
  for (const value of ["", "soon", "5 weeks", "-1s", -1, NaN, Infinity, null, undefined, {}, true, "9".repeat(400)]) {
    const error = assertThrows(() => parseDuration(value), WarrenError, `is not a duration: expected milliseconds`);
    assertEquals((error as WarrenError).code, "config");
  }
  assertThrows(() => parseDuration("soon"), WarrenError, '"soon" is not');
});

Deno.test("formatDuration() writes what parseDuration() reads, in the largest unit that needs few digits", () => {
  const cases: [number, string][] = [
    [0, "0ms"],
    [250, "250ms"],
    [1_234, "1234ms"],
    [1_500, "1.5s"],
    [30_000, "30s"],
    [61_000, "61s"],
    [90_000, "1.5m"],
    [7_200_000, "2h"],
    [30 * 86_400_000, "30d"],
  ];
  for (const [ms, text] of cases) assertEquals([formatDuration(ms), parseDuration(text)], [text, ms]);
});
