import { assertEquals } from "@std/assert";
import { Logger } from "../../lib/base/log.ts";
import { RunnerOperator } from "../../lib/runner/operator_view.ts";
import type { Fleet } from "../../lib/invocation/insight/fleet.ts";
import { parseArguments } from "../../lib/settings/config.ts";
import { Insight } from "../../lib/telemetry/insight.ts";
import { endedAs, failed } from "../telemetry/ended.ts";
import { FakeFleet } from "../telemetry/fake_fleet.ts";
import { announced } from "../amqp/fleet/fake_fleet.ts";
import { runnerOf } from "./troubles/snapshots.ts";

/** What two runners know that share a data folder, each with a thread of its own for its records. */
async function withTwo(test: (a: Insight, b: Insight) => Promise<void>): Promise<void> {
  const data = await Deno.makeTempDir({ prefix: "warren-runs-" });
  const { options } = parseArguments([], { WARREN_DATA: data });
  const log = new Logger({ level: "silent" });
  const [a, b] = ["a", "b"].map((runner) => new Insight({ options, log, runner }));
  try {
    await test(a, b);
  } finally {
    await Promise.all([a.close(), b.close()]);
    await Deno.remove(data, { recursive: true });
  }
}

/** The view of a runner that knows of nothing but runs. */
function operatorOf(insight: Insight, fleet: Fleet): RunnerOperator {
  const none = () => Promise.resolve(undefined);
  return new RunnerOperator({
    insight,
    fleet,
    pauses: { pause: none, resume: none },
    operating: {
      depths: { all: () => Promise.resolve([]), one: none },
      orphans: { orphans: () => Promise.resolve([]) },
      waiting: { purge: () => Promise.resolve(0), cancel: none },
    },
    runNow: { run: () => Promise.reject(new Error("nothing has a schedule")) },
    checks: () => [],
  });
}

Deno.test("a runner shows the runs of all", async () => {
  await withTwo(async (a, b) => {
    const at = Date.now();
    a.observer.ended(endedAs({ messageId: "m", at, published: ["m/0"] }));
    b.observer.ended(
      endedAs({ messageId: "m/0", at: at + 1, headers: { "warren-parent": "m" }, outcome: failed("no") }),
    );
    const fleet = new FakeFleet();
    const one = operatorOf(a, fleet.as("a"));
    operatorOf(b, fleet.as("b"));
    const { items } = await one.story("m");
    assertEquals(items.map(({ messageId, runner }) => [messageId, runner]), [["m", "a"], ["m/0", "b"]]);
    const ended = (await one.history("order"))?.points.reduce((sum, point) => sum + point.completed + point.failed, 0);
    assertEquals([(await one.runs({})).items.length, (await one.errors("order")).items.length, ended], [2, 1, 2]);
    const [run] = (await one.runs({ failed: true })).items;
    assertEquals((await one.run(run.id))?.runner, "b");
  });
});

Deno.test("processes that end again and again on all runners together are a crash loop", async () => {
  await withTwo(async (a, b) => {
    const failure = { type: "Crash", message: "out of memory" };
    const next = { kind: "retry", delay: 1_000, attempt: 2 } as const;
    for (const insight of [a, b, a]) {
      insight.observer.ended(endedAs({ at: Date.now(), outcome: { kind: "crashed", failure }, next }));
    }
    const fleet = new FakeFleet();
    const runners = () => [runnerOf("a", { functions: [announced("order")] })];
    const [one] = [operatorOf(a, { ...fleet.as("a"), runners }), operatorOf(b, fleet.as("b"))];
    const [{ kind, reason }] = await one.troubles();
    assertEquals([kind, reason], ["crash-loop", "its process ended 3 times in 10 minutes: out of memory"]);
  });
});
