import { assertEquals } from "@std/assert";
import { Logger } from "../../lib/base/log.ts";
import { runsView } from "../../lib/runner/runs_view.ts";
import { parseArguments } from "../../lib/settings/config.ts";
import { Insight } from "../../lib/telemetry/insight.ts";
import { endedAs, failed } from "../telemetry/ended.ts";
import { FakeFleet } from "../telemetry/fake_fleet.ts";

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

Deno.test("alone, a runner shows its own runs; with others, those of all", async () => {
  await withTwo(async (a, b) => {
    const at = Date.now();
    a.observer.ended(endedAs({ messageId: "m", at, published: ["m/0"] }));
    b.observer.ended(
      endedAs({ messageId: "m/0", at: at + 1, headers: { "warren-parent": "m" }, outcome: failed("no") }),
    );
    const fleet = new FakeFleet();
    const alone = runsView(a);
    const all = runsView(a, fleet.as("a"));
    runsView(b, fleet.as("b"));
    const told = async (view: typeof alone) =>
      (await view.story("m")).items.map(({ messageId, runner }) => [messageId, runner]);
    assertEquals(await told(alone), [["m", "a"]]);
    assertEquals(await told(all), [["m", "a"], ["m/0", "b"]]);
    const counts = async (view: typeof alone) => [
      (await view.runs({})).items.length,
      (await view.errors("order")).items.length,
      (await view.history("order"))?.points.reduce((sum, { completed, failed }) => sum + completed + failed, 0),
    ];
    assertEquals([await counts(alone), await counts(all)], [[1, 0, 1], [2, 1, 2]]);
    const [run] = (await all.runs({ failed: true })).items;
    assertEquals([(await all.run(run.id))?.runner, await alone.run(run.id)], ["b", undefined]);
  });
});
