import { assertEquals, assertThrows } from "@std/assert";
import { MAX_PROGRESS, Progress, progressText } from "../../../lib/sandbox/handler/progress.ts";
import { FakeTimers } from "../../serving/fake_timers.ts";

function progress() {
  const sent: string[] = [];
  const timers = new FakeTimers();
  const { after } = timers;
  return { sent, timers, reported: new Progress((id, text) => sent.push(`${id} ${text}`), { interval: 100, after }) };
}

Deno.test("nothing is sent of what nobody follows, and no timer runs", () => {
  const { sent, timers, reported } = progress();
  reported.report(1, "1");
  reported.report(1, "2");
  reported.end(1);
  reported.end(2);
  assertEquals([sent, timers.waiting], [[], 0]);
});

Deno.test("of what is followed the latest value is sent, once in an interval, and the last one at the end", async () => {
  const { sent, timers, reported } = progress();
  reported.follow(1);
  reported.report(1, "1");
  for (const text of ["2", "3", "4"]) reported.report(1, text);
  assertEquals(sent, ["1 1"]);
  await timers.pass(100);
  assertEquals(sent, ["1 1", "1 4"]);
  await timers.pass(100);
  reported.report(1, "5");
  reported.report(1, "6");
  reported.end(1);
  assertEquals(sent, ["1 1", "1 4", "1 5", "1 6"]);
  assertEquals(timers.waiting, 0);
});

Deno.test("who comes later gets the latest value at once, also where it was sent before", async () => {
  const { sent, timers, reported } = progress();
  reported.report(1, "50");
  reported.follow(1);
  reported.follow(1);
  assertEquals(sent, ["1 50", "1 50"]);
  await timers.pass(1_000);
  reported.end(1);
  assertEquals([sent.length, timers.waiting], [2, 0]);
});

Deno.test("what is not JSON, or too large, is an error", () => {
  assertEquals(progressText({ percent: 5, at: new Date(0) }), '{"percent":5,"at":"1970-01-01T00:00:00.000Z"}');
  for (const value of [undefined, () => 1, Symbol("s"), 1n]) assertThrows(() => progressText(value), TypeError);
  assertThrows(() => progressText("x".repeat(MAX_PROGRESS)), RangeError, "at most 16384 characters");
});
