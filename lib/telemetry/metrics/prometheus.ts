import type { Metric, MetricObjectWithValues, MetricValue } from "prom-client";
import type { BucketCounts } from "./bucket_counts.ts";
import type { Family, Sample } from "./family.ts";

/** Metrics as text, for Prometheus and all that read its format. */
export interface Exposition {
  readonly text: string;
  readonly contentType: string;
}

/**
 * Writes metrics in the text format of Prometheus, or as OpenMetrics if the client accepts that.
 *
 * @param accept The header of the request
 */
export async function exposition(families: readonly Family[], accept = ""): Promise<Exposition> {
  // Only who is asked for metrics pays for the library.
  const { Registry } = await import("prom-client");
  const open = accept.includes("application/openmetrics-text");
  const registry = new Registry();
  // The types of the library know only one content type.
  if (open) {
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as unknown as typeof Registry.PROMETHEUS_CONTENT_TYPE);
  }
  for (const family of families) {
    if (family.samples.length > 0) registry.registerMetric(asMetric(family, open));
  }
  return { text: await registry.metrics(), contentType: registry.contentType };
}

/** The registry asks each metric for its values. They are counted elsewhere, so that a message needs no look-up by labels. */
function asMetric(family: Family, open: boolean): Metric {
  const { spec: { name, help, type } } = family;
  // OpenMetrics adds the suffix itself.
  const shown = open && type === "counter" ? name.replace(/_total$/, "") : name;
  const values = family.spec.type === "histogram"
    ? (family.samples as readonly Sample<BucketCounts>[]).flatMap((sample) =>
      histogram(name, family.spec.buckets!, sample)
    )
    : family.samples as readonly Sample<number>[];
  const metric = { name: shown, help, type, values, aggregator: "sum" };
  return {
    ...metric,
    get: () => Promise.resolve(metric as unknown as MetricObjectWithValues<MetricValue<string>>),
  } as unknown as Metric;
}

function histogram(name: string, bounds: readonly number[], { labels, value }: Sample<BucketCounts>) {
  const counts = value.cumulative();
  const total = counts.at(-1)!;
  return [
    ...counts.map((count, at) => ({
      labels: { ...labels, le: bounds[at] ?? "+Inf" },
      value: count,
      metricName: `${name}_bucket`,
    })),
    { labels, value: value.sum, metricName: `${name}_sum` },
    { labels, value: total, metricName: `${name}_count` },
  ];
}
