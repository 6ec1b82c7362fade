import { assertEquals } from "@std/assert";
import type { Family } from "../../../lib/telemetry/metrics/family.ts";
import { Metrics } from "../../../lib/telemetry/metrics/metrics.ts";
import { METRICS } from "../../../lib/telemetry/names.ts";
import { endedAs } from "../ended.ts";
import { depth, functionReading, readings } from "./readings.ts";

/** The values of a metric as `label=value …` to number. */
function valuesOf(families: readonly Family[], name: string): Record<string, number> {
  const { samples } = families.find(({ spec }) => spec.name === name)!;
  const key = (labels: object) => Object.entries(labels).map(([label, value]) => `${label}=${value}`).join(" ");
  return Object.fromEntries(samples.map(({ labels, value }) => [key(labels), value as number]));
}

Deno.test("every metric of the table is collected, with the labels of the table", async () => {
  const metrics = new Metrics({ limit: 10, version: "1.2.3" });
  metrics.observer.ended(endedAs());
  const families = await metrics.collect(readings());
  metrics.close();
  assertEquals(
    families.map(({ spec }) => spec.name).toSorted(),
    Object.values(METRICS).map(({ name }) => name).toSorted(),
  );
  for (const { spec, samples } of families) {
    for (const { labels } of samples) assertEquals(Object.keys(labels), [...spec.labels], spec.name);
  }
});

Deno.test("a function that ran nothing has series already, so that their first increase is seen", async () => {
  const metrics = new Metrics({ limit: 10, version: "1" });
  const families = await metrics.collect(readings());
  metrics.close();
  assertEquals(valuesOf(families, "warren_messages_total"), {
    "function=order outcome=completed": 0,
    "function=order outcome=failed": 0,
    "function=order outcome=timedOut": 0,
    "function=order outcome=crashed": 0,
  });
  assertEquals(valuesOf(families, "warren_dead_letters_total"), { "function=order": 0 });
});

Deno.test("what is read from the runner and its broker is shown by function", async () => {
  const metrics = new Metrics({ limit: 10, version: "1" });
  const families = await metrics.collect(readings());
  metrics.close();
  const value = (name: string) => valuesOf(families, name);
  assertEquals(value("warren_function_state"), { "function=order state=serving": 1 });
  assertEquals([value("warren_running"), value("warren_sandbox_memory_bytes")], [
    { "function=order": 3 },
    { "function=order": 40_000_000 },
  ]);
  assertEquals([value("warren_queue_ready"), value("warren_queue_oldest_age_seconds")], [
    { "function=order": 7 },
    { "function=order": 1.5 },
  ]);
  assertEquals([value("warren_broker_connected"), value("warren_broker_blocked")], [
    { "connection=consuming": 1 },
    { "connection=consuming": 0 },
  ]);
  assertEquals([value("warren_run_records_lost_total"), value("warren_run_records_skipped_total")], [{ "": 1 }, {
    "": 2,
  }]);
});

Deno.test("functions beyond the limit are one: their messages are added up, their oldest is the oldest of all", async () => {
  const metrics = new Metrics({ limit: 1, version: "1" });
  const names = ["a", "b", "c"];
  const families = await metrics.collect(readings({
    functions: () => names.map(functionReading),
    memory: () => new Map(names.map((name) => [name, 10])),
    depths: () => Promise.resolve([depth("a"), depth("b", { oldest: 9_000, consumers: 0 }), depth("c")]),
  }));
  metrics.close();
  const value = (name: string) => valuesOf(families, name);
  assertEquals(value("warren_queue_ready"), { "function=a": 7, "function=other": 14 });
  assertEquals(value("warren_queue_oldest_age_seconds"), { "function=a": 1.5, "function=other": 9 });
  assertEquals(value("warren_queue_consumers"), { "function=a": 2, "function=other": 0 });
  assertEquals(value("warren_sandbox_memory_bytes"), { "function=a": 10, "function=other": 20 });
  assertEquals(value("warren_function_state"), { "function=a state=serving": 1 });
});

Deno.test("a broker that does not answer in time, or refuses, delays no metrics of the runner", async () => {
  const metrics = new Metrics({ limit: 1, version: "1", patience: 1 });
  for (const depths of [() => new Promise<never>(() => {}), () => Promise.reject(new Error("no"))]) {
    const families = await metrics.collect(readings({ depths }));
    assertEquals([valuesOf(families, "warren_queue_ready"), valuesOf(families, "warren_running")], [
      {},
      { "function=order": 3 },
    ]);
  }
  metrics.close();
});

Deno.test("a function that was removed has no series, even while its process ends and its queue was just measured", async () => {
  const metrics = new Metrics({ limit: 10, version: "1" });
  const gone = {
    functions: () => [functionReading("new")],
    depths: () => Promise.resolve([depth("order"), depth("new")]),
  };
  metrics.observer.ended(endedAs());
  await metrics.collect(readings());
  await metrics.collect(readings(gone));
  const families = await metrics.collect(readings(gone));
  metrics.close();
  const names = families.flatMap(({ samples }) => samples.flatMap(({ labels }) => labels.function ?? []));
  assertEquals([...new Set(names)], ["new"]);
});
