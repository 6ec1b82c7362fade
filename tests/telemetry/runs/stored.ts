import type { Run } from "../../../lib/invocation/insight/run.ts";
import { RunIds } from "../../../lib/telemetry/runs/run_id.ts";
import { toRun } from "../../../lib/telemetry/runs/run_record.ts";
import { openRuns } from "../../../lib/telemetry/runs/store/run_schema.ts";
import { RunStore } from "../../../lib/telemetry/runs/store/run_store.ts";
import { type EndedAs, endedAs } from "../ended.ts";

let made = 0;

/** A record as a runner makes it. */
export function runOf(given: EndedAs = {}, bodies = false): Run {
  const ended = endedAs(given);
  // Tests do not go on in time from each other.
  const id = new RunIds(String(++made)).next(ended.endedAt);
  return toRun(ended, { id, runner: "here", logs: [], logsLeftOut: 0, body: bodies });
}

/** A store in memory, whose time is what the test says. */
export function memoryStore({ keep = 1_000, age = 1_000_000, now = 1_000_000 } = {}): RunStore & Disposable {
  const store = new RunStore(openRuns(":memory:"), { keep, age, now: () => now });
  return Object.assign(store, { [Symbol.dispose]: () => store.close() });
}
