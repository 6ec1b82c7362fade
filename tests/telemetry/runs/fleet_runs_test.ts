import { assertEquals } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { FleetRuns } from "../../../lib/telemetry/runs/fleet_runs.ts";
import { LocalRuns, type RunSource } from "../../../lib/telemetry/runs/local_runs.ts";
import { Hub } from "../../../lib/telemetry/hub.ts";
import { Questions } from "../../../lib/telemetry/runs/store/run_keeper.ts";
import type { RunStore } from "../../../lib/telemetry/runs/store/run_store.ts";
import { failed } from "../ended.ts";
import { FakeFleet } from "../fake_fleet.ts";
import { memoryStore, runOf } from "./stored.ts";

/** What a runner with that store knows. */
function sourceOf(store: RunStore): RunSource {
  const archive = {
    ask: (question: keyof typeof Questions, payload: unknown) =>
      Promise.resolve(Questions[question](store, payload as never)),
  };
  return new LocalRuns({ archive: archive as never, hub: new Hub(), leftOut: () => 2 });
}

function two() {
  const fleet = new FakeFleet();
  const [a, b] = [memoryStore({ keep: 4 }), memoryStore({ keep: 4 })];
  const runs = new FleetRuns(fleet.as("a"), sourceOf(a));
  new FleetRuns(fleet.as("b"), sourceOf(b));
  return { fleet, a, b, runs };
}

Deno.test("runs of all runners are put together, newest first, and those that are silent are named", async () => {
  const { fleet, a, b, runs } = two();
  a.insert([runOf({ at: 1_000 }), runOf({ at: 3_000 })]);
  b.insert([runOf({ at: 2_000 }), runOf({ at: 4_000 })]);
  const found = await runs.runs({ limit: 3 });
  assertEquals([found.items.map(({ endedAt }) => endedAt), found.silent, found.leftOut], [
    [4_000, 3_000, 2_000],
    [],
    4,
  ]);
  fleet.silent.push("b");
  const half = await runs.runs({});
  assertEquals([half.items.map(({ endedAt }) => endedAt), half.silent], [[3_000, 1_000], ["b"]]);
});

Deno.test("the window is that of the runner that goes back least", async () => {
  const { a, b, runs } = two();
  a.insert([1, 2, 3, 4].map((second) => runOf({ at: second * 1_000 })));
  b.insert([6, 7, 8, 9].map((second) => runOf({ at: second * 1_000 })));
  assertEquals((await runs.runs({})).since, 6_000);
});

Deno.test("a runner that records nothing is silent, and one run is found wherever it is", async () => {
  const { fleet, b, runs } = two();
  const nothing = () => Promise.reject(new WarrenError("missing", "RUNS_KEEP is 0"));
  new FleetRuns(fleet.as("c"), { runs: nothing, run: nothing, story: nothing, errors: nothing, lines: nothing });
  const run = runOf();
  b.insert([run]);
  assertEquals((await runs.run(run.id))?.id, run.id);
  assertEquals(await runs.run("none"), undefined);
  assertEquals((await runs.runs({})).silent, ["c"]);
});

Deno.test("a story that goes to and fro between runners is told whole", async () => {
  const { a, b, runs } = two();
  const run = (messageId: string, at: number, parent?: string, published?: string[]) =>
    runOf({ messageId, at, published, headers: parent === undefined ? {} : { "warren-parent": parent } });
  a.insert([run("1", 1_000, undefined, ["2"]), run("3", 3_000, "2", ["4"])]);
  b.insert([run("2", 2_000, "1", ["3"]), run("4", 4_000, "3")]);
  for (const id of ["1", "4"]) {
    const { items } = await runs.story(id);
    assertEquals(items.map(({ messageId }) => messageId), ["1", "2", "3", "4"]);
  }
});

Deno.test("failures of one kind on several runners are one group", async () => {
  const { a, b, runs } = two();
  a.insert([1_000, 3_000].map((at) => runOf({ at, outcome: failed("no 1") })));
  b.insert([runOf({ at: 2_000, outcome: failed("no 2") })]);
  const { items: [group, ...others] } = await runs.errors("order");
  assertEquals([group.count, group.firstSeen, group.lastSeen, group.samples.length, others], [3, 1_000, 3_000, 3, []]);
});

Deno.test("lines of all runners are in the order of their times", async () => {
  const { a, b, runs } = two();
  const line = (time: number) => ({ time, level: "info", message: `${time}` });
  a.insert([{ ...runOf(), logs: [line(1), line(3)] }]);
  b.insert([{ ...runOf(), logs: [line(2)] }]);
  const { items } = await runs.lines({ function: "order", limit: 2 });
  assertEquals(items.map(({ line }) => line.time), [2, 3]);
});
