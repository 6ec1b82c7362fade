import { assertEquals } from "@std/assert";
import { MessageMetrics } from "../../../lib/telemetry/metrics/message_metrics.ts";
import { endedAs, failed } from "../ended.ts";

Deno.test("an invocation that ended is counted by outcome, with what became of its message", () => {
  const metrics = new MessageMetrics(10);
  metrics.ended(endedAs());
  metrics.ended(endedAs({ outcome: failed("no"), next: { kind: "retry", delay: 10, attempt: 2 } }));
  metrics.ended(endedAs({ outcome: failed("no"), attempt: 2 }));
  const { outcomes, retries, deadLetters, returned } = metrics.of("order");
  assertEquals([outcomes.completed, outcomes.failed, retries, deadLetters, returned], [1, 2, 1, 1, 0]);
});

Deno.test("a message that goes back to its queue has not been handled", () => {
  const metrics = new MessageMetrics(10);
  metrics.ended(endedAs({ next: { kind: "return", lost: true } }));
  const { outcomes, returned, duration } = metrics.of("order");
  assertEquals([outcomes.completed, returned, duration.cumulative().at(-1)], [0, 1, 0]);
});

Deno.test("the duration is the handler's, and the wait counts from the message's timestamp to its first attempt", () => {
  const metrics = new MessageMetrics(10);
  // Its timestamp is 500 s.
  metrics.ended(endedAs({ at: 502_250, took: 250 }));
  metrics.ended(endedAs({ at: 600_000, took: 1_000, attempt: 2 }));
  const { duration, wait } = metrics.of("order");
  assertEquals([duration.sum, duration.cumulative().at(-1)], [1.25, 2]);
  assertEquals([wait.sum, wait.cumulative().at(-1)], [2, 1]);
});

Deno.test("a message whose handler was not called has no duration", () => {
  const metrics = new MessageMetrics(10);
  metrics.ended(endedAs({ outcome: { kind: "undecodable", failure: { type: "Error", message: "no" } }, took: 0 }));
  const { outcomes, duration } = metrics.of("order");
  assertEquals([outcomes.undecodable, duration.cumulative().at(-1)], [1, 0]);
});

Deno.test("functions beyond the limit are counted together, and one that is named other with them", () => {
  const metrics = new MessageMetrics(2);
  for (const name of ["a", "other", "b", "c", "d", "c"]) metrics.ended(endedAs({ name }));
  const counts = metrics.collect(new Set(["a", "b", "c", "d", "other"]));
  assertEquals(counts.map(({ label, outcomes }) => [label, outcomes.completed]), [["a", 1], ["other", 4], ["b", 1]]);
});

Deno.test("a function that is gone is there once more and then leaves nothing, and its place is free", () => {
  const metrics = new MessageMetrics(1);
  const labels = (...names: string[]) => metrics.collect(new Set(names)).map(({ label }) => label);
  metrics.ended(endedAs({ name: "old" }));
  assertEquals(labels("old"), ["old"]);
  metrics.ended(endedAs({ name: "old" }));
  assertEquals(labels("new"), ["old", "other"]);
  metrics.ended(endedAs({ name: "newest" }));
  assertEquals(labels("newest"), ["other"]);
  assertEquals(labels("newest", "third"), ["other", "third"]);
});

Deno.test("a function that comes back before it was forgotten keeps its counts", () => {
  const metrics = new MessageMetrics(1);
  metrics.ended(endedAs());
  metrics.collect(new Set());
  assertEquals(metrics.collect(new Set(["order"])).map(({ outcomes }) => outcomes.completed), [1]);
});

Deno.test("cold starts and processes that ended are counted", () => {
  const metrics = new MessageMetrics(10);
  const { definition } = endedAs();
  metrics.coldStart(definition, 120);
  metrics.coldStart(definition, 80);
  metrics.processEnded(definition, "crashed");
  const { coldStarts, coldStartTime, restarts } = metrics.of("order");
  assertEquals([coldStarts, coldStartTime, restarts], [2, 200, { crashed: 1, timedOut: 0 }]);
});
