import { assertEquals } from "@std/assert";
import type { HistoryPoint } from "../../../lib/invocation/insight/run.ts";
import { FleetHistories, together } from "../../../lib/telemetry/history/fleet_histories.ts";
import { History } from "../../../lib/telemetry/history/history.ts";
import { endedAs } from "../ended.ts";
import { FakeFleet } from "../fake_fleet.ts";

function point(time: number, given: Partial<HistoryPoint> = {}): HistoryPoint {
  return { time, completed: 0, failed: 0, coldStarts: 0, ...given };
}

Deno.test("counts of several runners are added, durations are never better than they were", () => {
  const a = [point(0), point(1, { completed: 3, p50: 10, p95: 20, ready: 5 })];
  const b = [point(1, { failed: 1, coldStarts: 1, p50: 50, p95: 15, ready: 7 }), point(2, { completed: 9 })];
  const of = (points: HistoryPoint[]) => ({ function: "f", step: 1, points });
  assertEquals(together([of(a)]), of(a));
  const { points } = together([of(a), of(b)]);
  assertEquals(points, [
    { ...point(1), completed: 3, failed: 1, coldStarts: 1, p50: 20, p95: 20, ready: 7, dead: undefined },
    { ...point(2), completed: 9, p50: undefined, p95: undefined, ready: undefined, dead: undefined },
  ]);
});

Deno.test("a function that ran on two runners has one history", async () => {
  const fleet = new FakeFleet();
  const now = () => 1_000_000;
  const [a, b] = [new History({ now }), new History({ now })];
  const all = new FleetHistories(fleet.as("a"), a);
  new FleetHistories(fleet.as("b"), b);
  a.ended(endedAs({ name: "one" }));
  b.ended(endedAs({ name: "one" }));
  b.ended(endedAs({ name: "two" }));
  assertEquals((await all.histories()).map(({ function: name }) => name), ["one", "two"]);
  assertEquals((await all.history("one"))?.points.at(-1)?.completed, 2);
  assertEquals(await all.history("none"), undefined);
});
