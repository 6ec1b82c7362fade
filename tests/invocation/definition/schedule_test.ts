import { assertEquals, assertThrows } from "@std/assert";
import { assertSchedule, dueAfter, nextRun, type Schedule } from "../../../lib/invocation/definition/schedule.ts";

const NIGHTLY: Schedule = { cron: "0 3 * * *", timezone: "Europe/Berlin", missed: "once" };
const at = (text: string) => new Date(text);

Deno.test("the next run is by the clock of the time zone, on both sides of summer time", () => {
  assertEquals(nextRun(NIGHTLY, at("2026-03-27T12:00:00Z"))?.toISOString(), "2026-03-28T02:00:00.000Z");
  assertEquals(nextRun(NIGHTLY, at("2026-03-29T12:00:00Z"))?.toISOString(), "2026-03-30T01:00:00.000Z");
});

Deno.test("a run that is a moment late runs as itself", () => {
  const due = dueAfter(NIGHTLY, at("2026-01-01T02:00:00Z"), at("2026-01-02T02:00:05Z"));
  assertEquals(due?.toISOString(), "2026-01-02T02:00:00.000Z");
});

Deno.test("of those that were missed the latest runs once, or none", () => {
  const [last, now] = [at("2026-01-01T02:00:00Z"), at("2026-01-05T12:00:00Z")];
  assertEquals(dueAfter(NIGHTLY, last, now)?.toISOString(), "2026-01-05T02:00:00.000Z");
  assertEquals(dueAfter({ ...NIGHTLY, missed: "skip" }, last, now)?.toISOString(), "2026-01-06T02:00:00.000Z");
});

Deno.test("a pattern that is none, that never comes, and a time zone that is none are errors", () => {
  for (const cron of ["soon", "* * *", "0 0 31 2 *"]) assertThrows(() => assertSchedule({ ...NIGHTLY, cron }));
  assertThrows(() => assertSchedule({ ...NIGHTLY, timezone: "No/Where" }));
});
