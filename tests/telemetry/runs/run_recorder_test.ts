import { assertEquals } from "@std/assert";
import type { LiveEvent } from "../../../lib/invocation/insight/operator_view.ts";
import type { Run } from "../../../lib/invocation/insight/run.ts";
import { Hub } from "../../../lib/telemetry/hub.ts";
import { RunRecorder } from "../../../lib/telemetry/runs/run_recorder.ts";
import { endedAs, failed } from "../ended.ts";

/** A recorder with what it wrote. */
function tested({ archive = true, rate = { perName: 2, inAll: 3 } } = {}) {
  const runs: Run[] = [];
  const hub = new Hub();
  const write = (run: Run) => void runs.push(run);
  const recorder = new RunRecorder({
    runner: "here",
    archive: archive ? { write } : undefined,
    hub,
    rate,
    now: () => 7,
  });
  return { recorder, runs, hub };
}

Deno.test("all failures are recorded, and of the successes the first of each second", () => {
  const { recorder, runs } = tested();
  for (let count = 0; count < 5; count++) {
    recorder.ended(endedAs({ name: "a", at: 1_000 + count }));
    recorder.ended(endedAs({ name: "b", at: 1_000 + count }));
    recorder.ended(endedAs({ name: "a", at: 1_000 + count, outcome: failed("no") }));
  }
  recorder.ended(endedAs({ name: "a", at: 2_000 }));
  const count = (name: string, outcome: string) =>
    runs.filter((run) => run.function === name && run.outcome === outcome).length;
  assertEquals([count("a", "failed"), count("a", "completed"), count("b", "completed")], [5, 3, 1]);
  assertEquals(recorder.leftOut, 7);
});

Deno.test("lines are in the record of their invocation, bounded", () => {
  const { recorder, runs } = tested();
  const ended = endedAs({ messageId: "m" });
  const other = endedAs({ messageId: "n" });
  const log = (message: string, of = ended, fields?: Record<string, unknown>) =>
    recorder.logged({ definition: of.definition, invocations: [of.invocation], level: "info", message, fields });
  log("first", ended, { order: 7, self: new Map([[1, 2]]) });
  log("x".repeat(10_000));
  log("not mine", other);
  for (let count = 0; count < 200; count++) log("again");
  recorder.ended(ended);
  const [{ logs, logsLeftOut }] = runs;
  assertEquals([logs[0].message, logs[0].fields, logs[0].time], ["first", { order: 7, self: {} }, 7]);
  assertEquals([logs[1].message.length, logs.length, logsLeftOut], [2_049, 100, 102]);
});

Deno.test("a line of a batch is of all its messages, unless it names one", () => {
  const { recorder, runs } = tested();
  const [a, b] = ["a", "b"].map((messageId) => endedAs({ messageId }));
  const invocations = [a.invocation, b.invocation];
  const log = (message: string, fields?: Record<string, unknown>) =>
    recorder.logged({ definition: a.definition, invocations, level: "info", message, fields });
  log("all");
  log("one", { messageId: "b" });
  log("nobody", { messageId: "c" });
  for (const ended of [a, b]) recorder.ended(ended);
  assertEquals(runs.map(({ logs }) => logs.map(({ message }) => message)), [
    ["all", "nobody"],
    ["all", "one", "nobody"],
  ]);
});

Deno.test("who looks on sees runs and lines, also where nothing is recorded", async () => {
  const { recorder, hub } = tested({ archive: false });
  const stop = new AbortController();
  const events = hub.follow({}, stop.signal);
  const ended = endedAs({ messageId: "m" });
  recorder.logged({ definition: ended.definition, invocations: [ended.invocation], level: "warn", message: "slow" });
  recorder.logged({ definition: ended.definition, invocations: [], level: "info", message: "printed" });
  recorder.ended(ended);
  stop.abort();
  const seen: LiveEvent[] = [];
  for await (const event of events) seen.push(event);
  assertEquals(seen.map((event) => event.kind === "log" ? [event.line.message, event.messageId] : event.run.outcome), [
    ["slow", "m"],
    ["printed", undefined],
    "completed",
  ]);
});
