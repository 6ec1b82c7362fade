import { assert, assertEquals } from "@std/assert";
import { scale } from "../../bench/scale.ts";
import { fixed, KedaScaler } from "../../bench/scaling/scaler.ts";
import { simulate } from "../../bench/scaling/simulation.ts";
import { burstyDay, DAY } from "../../bench/scaling/traffic.ts";

const CONTAINER = { concurrency: 10, handling: 1, starting: 20 };

Deno.test("a day is the same for the same seed, and another for another", () => {
  const day = burstyDay(7);
  assertEquals([day.length, burstyDay(7)], [DAY, day]);
  assert(JSON.stringify(burstyDay(8)) !== JSON.stringify(day));
  assertEquals(day.slice(0, 600).every((count) => Number.isInteger(count) && count >= 0), true);
});

Deno.test("enough containers let nothing wait, and too few let it wait as long as arithmetic says", () => {
  const traffic = Array.from({ length: 100 }, () => 10);
  const enough = simulate(traffic, fixed(1), CONTAINER);
  assertEquals([enough.oldest, enough.left, enough.mostWaiting, enough.containerHours], [0, 0, 0, 100 / 3600]);
  // 1,000 come at once, and 10 a second go.
  const burst = simulate([1_000, ...Array.from({ length: 199 }, () => 0)], fixed(1), CONTAINER);
  assertEquals([burst.oldest, burst.medianAge, burst.left, burst.mostWaiting], [99, 49, 0, 990]);
  assertEquals(simulate([1_000, 0], fixed(1), CONTAINER).left, 980);
});

Deno.test("a container works once it has started, and not before", () => {
  const grows = { decide: (second: number) => second < 10 ? 0 : 1 };
  const result = simulate([10, ...Array.from({ length: 99 }, () => 0)], grows, CONTAINER, 0);
  assertEquals([result.oldest, result.left], [30, 0]);
});

Deno.test("the autoscaler wants one for each target, looks every 15 s, and at most doubles or adds four", () => {
  const scaler = () => new KedaScaler({ target: 50, min: 1, max: 20 });
  assertEquals(scaler().decide(15, 120, 1), 3);
  assertEquals(scaler().decide(16, 120, 1), 1);
  assertEquals(scaler().decide(15, 10_000, 1), 5);
  assertEquals(scaler().decide(15, 10_000, 8), 16);
  assertEquals(scaler().decide(15, 10_000, 16), 20);
  // Within a tenth of the target nothing changes.
  assertEquals(scaler().decide(15, 109, 2), 2);
  assertEquals(scaler().decide(15, 111, 2), 3);
});

Deno.test("it scales down to the most that it wanted in the last five minutes", () => {
  const scaler = new KedaScaler({ target: 50, min: 1, max: 20 });
  assertEquals(scaler.decide(0, 500, 10), 10);
  assertEquals(scaler.decide(15, 50, 10), 10);
  assertEquals(scaler.decide(285, 50, 10), 10);
  assertEquals(scaler.decide(300, 50, 10), 1);
});

Deno.test("from zero one container comes at KEDA's look, and the last one goes after the cooldown", () => {
  const scaler = new KedaScaler({ target: 50, min: 0, max: 20, pollingInterval: 30, cooldown: 60 });
  assertEquals(scaler.decide(29, 500, 0), 0);
  assertEquals(scaler.decide(30, 500, 0), 1);
  assertEquals(scaler.decide(89, 0, 1), 1);
  assertEquals(scaler.decide(90, 0, 1), 0);
});

Deno.test("the table has a line for each setting, and all messages of the day were handled in each that scales", async () => {
  const [head, columns, ...rows] = await scale();
  assert(/^\d{6,7} messages/.test(head), head);
  assertEquals([columns.trim().split(/ {2,}/).length, rows.length], [6, 10]);
  const targets = rows.filter((row) => row.startsWith("target"));
  assertEquals([targets.length, targets.some((row) => row.includes("never"))], [7, false]);
});
