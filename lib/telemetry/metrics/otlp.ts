import type { Meter, Observable } from "@opentelemetry/api";
import { METRICS, type MetricSpec } from "../names.ts";
import type { Family } from "./family.ts";
import type { Metrics } from "./metrics.ts";

/** Whether Deno exports metrics: `OTEL_DENO=true`, and no other variable of OpenTelemetry turns them off. */
export function exportsMetrics(env: (name: string) => string | undefined): boolean {
  const on = ["true", "1"].includes(env("OTEL_DENO") ?? "");
  return on && env("OTEL_SDK_DISABLED") !== "true" && env("OTEL_METRICS_EXPORTER") !== "none";
}

/**
 * Exports the metrics through Deno's own OpenTelemetry, which reads the `OTEL_*` variables. Values are read whenever it
 * collects them; only histograms get each value as it comes, since OpenTelemetry has no other way.
 *
 * @returns what ends the export
 */
export async function exportMetrics(
  metrics: Pick<Metrics, "observer" | "eventLoopDelay">,
  { version, collect }: { version: string; collect: () => Promise<readonly Family[]> },
): Promise<() => void> {
  const { metrics: api } = await import("@opentelemetry/api");
  const meter = api.getMeter("warren", version);
  const observables = new Map<string, Observable>();
  for (const spec of Object.values(METRICS)) {
    if (spec.type !== "histogram") observables.set(spec.name, observable(meter, spec));
  }
  const [duration, wait, delay] = [METRICS.duration, METRICS.wait, METRICS.eventLoopDelay].map((spec) =>
    meter.createHistogram(spec.name, {
      unit: spec.unit,
      description: spec.help,
      advice: { explicitBucketBoundaries: [...spec.buckets] },
    })
  );
  // One object for each function, and not one for each message.
  const attributes = new Map<string, { function: string }>();
  const attributesOf = (label: string) => {
    let known = attributes.get(label);
    if (!known) attributes.set(label, known = { function: label });
    return known;
  };
  metrics.observer.sink = {
    duration: (label, seconds) => duration.record(seconds, attributesOf(label)),
    wait: (label, seconds) => wait.record(seconds, attributesOf(label)),
  };
  metrics.eventLoopDelay.sink = (seconds) => delay.record(seconds);
  const all = [...observables.values()];
  const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = async (result) => {
    for (const { spec, samples } of await collect()) {
      const instrument = observables.get(spec.name);
      if (!instrument) continue;
      for (const { labels, value } of samples) result.observe(instrument, value as number, labels);
    }
  };
  meter.addBatchObservableCallback(observe, all);
  return () => {
    meter.removeBatchObservableCallback(observe, all);
    metrics.observer.sink = metrics.eventLoopDelay.sink = undefined;
  };
}

function observable(meter: Meter, { name, type, unit, help }: MetricSpec): Observable {
  const options = { unit, description: help };
  return type === "counter" ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
}
