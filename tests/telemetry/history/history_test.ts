import { assert, assertEquals } from "@std/assert";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { DurationCounts } from "../../../lib/telemetry/history/duration_counts.ts";
import { History } from "../../../lib/telemetry/history/history.ts";
import { type EndedAs, endedAs, failed } from "../ended.ts";

const ORDER = resolveFunctionConfig({}, { name: "order", file: "/order.ts", version: "1" });

/** A history of four steps of ten seconds, at a time of the test's own. */
function tested(functions?: number) {
  const clock = { now: 1_000_000 };
  const history = new History({ step: 10_000, steps: 4, functions, now: () => clock.now });
  const end = (given: EndedAs = {}) => history.ended(endedAs({ at: clock.now, ...given }));
  return { clock, history, end };
}

Deno.test("quantiles are right to a tenth, from a millisecond to hours", () => {
  const counts = new DurationCounts();
  assertEquals(counts.quantile(0.5), undefined);
  for (const ms of [1, 3, 17, 250, 4_000, 100_000, 7_200_000]) {
    counts.clear();
    counts.add(ms);
    assert(Math.abs(counts.quantile(0.5)! - ms) <= 0.1 * ms, `${ms} is shown as ${counts.quantile(0.5)}`);
  }
  counts.clear();
  for (let ms = 1; ms <= 1_000; ms++) counts.add(ms);
  assert(Math.abs(counts.quantile(0.95)! - 950) <= 95 && Math.abs(counts.quantile(0.5)! - 500) <= 50);
  counts.clear();
  for (const odd of [0, -1, NaN]) counts.add(odd);
  counts.add(Infinity);
  assertEquals([counts.quantile(0.5), counts.total], [0, 4]);
});

Deno.test("each step has what ended in it, and the oldest steps go", () => {
  const { clock, history, end } = tested();
  end({ took: 100 });
  end({ outcome: failed("no"), took: 100 });
  history.coldStart(ORDER);
  clock.now += 10_000;
  end();
  history.measured("order", { ready: 7, dead: 0 });
  clock.now += 10_000;
  const { points, step } = history.history("order")!;
  assertEquals(step, 10_000);
  assertEquals(points.map(({ time, completed, failed, coldStarts }) => [time, completed, failed, coldStarts]), [
    [990_000, 0, 0, 0],
    [1_000_000, 1, 1, 1],
    [1_010_000, 1, 0, 0],
    [1_020_000, 0, 0, 0],
  ]);
  const [nothing, first, second] = points;
  assertEquals([nothing.p50, nothing.ready, second.ready, second.dead], [undefined, undefined, 7, 0]);
  assert(Math.abs(first.p50! - 100) <= 10 && Math.abs(first.p95! - 100) <= 10, JSON.stringify(first));
  clock.now += 20_000;
  assertEquals(history.history("order")!.points.map(({ completed }) => completed), [1, 0, 0, 0]);
});

Deno.test("the present step has its quantiles already", () => {
  const { history, end } = tested();
  end({ took: 200 });
  assert(history.history("order")!.points.at(-1)!.p50! > 150);
});

Deno.test("what comes again, since its delivery was lost, is not counted", () => {
  const { history, end } = tested();
  end({ next: { kind: "return", lost: true } });
  assertEquals(history.history("order"), undefined);
});

Deno.test("the last minute is counted, and passes", () => {
  const { clock, history, end } = tested();
  assertEquals(history.perMinute("order"), { ended: 0, failed: 0 });
  end();
  clock.now += 30_000;
  end({ outcome: failed("no") });
  assertEquals(history.perMinute("order"), { ended: 2, failed: 1 });
  clock.now += 31_000;
  assertEquals(history.perMinute("order"), { ended: 1, failed: 1 });
  clock.now += 600_000;
  assertEquals(history.perMinute("order"), { ended: 0, failed: 0 });
});

Deno.test("a function that is gone leaves nothing, and there is an end to how many there are", () => {
  const { clock, history, end } = tested(3);
  for (const name of ["a", "b", "c", "d"]) {
    clock.now += 1;
    end({ name });
  }
  assertEquals(history.histories().map(({ function: name }) => name), ["b", "c", "d"]);
  clock.now += 30_000;
  end({ name: "d" });
  clock.now += 10_001;
  assertEquals(history.histories().map(({ function: name }) => name), ["d"]);
});

Deno.test("a clock that is set back loses nothing", () => {
  const { clock, history, end } = tested();
  end();
  clock.now -= 60_000;
  end();
  assertEquals(history.history("order")!.points.at(-1)!.completed, 2);
});

Deno.test("a function that is only measured is remembered as long as it is, and leaves nothing after that", () => {
  const clock = { now: 1_000_000 };
  const history = new History({ step: 10_000, steps: 4, now: () => clock.now });
  history.measured("idle", {});
  assertEquals(history.history("idle"), undefined);
  for (let look = 0; look < 6; look++, clock.now += 10_000) history.measured("idle", { ready: look, dead: 1 });
  clock.now -= 10_000;
  assertEquals(history.history("idle")?.points.map(({ ready }) => ready), [2, 3, 4, 5]);
  clock.now += 50_000;
  assertEquals(history.histories(), []);
});
