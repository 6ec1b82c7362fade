import { assertEquals, assertStringIncludes } from "@std/assert";
import { BucketCounts } from "../../../lib/telemetry/metrics/bucket_counts.ts";
import type { Family } from "../../../lib/telemetry/metrics/family.ts";
import { exposition } from "../../../lib/telemetry/metrics/prometheus.ts";
import { METRICS } from "../../../lib/telemetry/names.ts";

const DELAYS = { ...METRICS.duration, buckets: [0.1, 1] };

function families(name = "order"): Family[] {
  const counts = new BucketCounts(DELAYS.buckets);
  for (const seconds of [0.05, 0.5, 5]) counts.add(seconds);
  return [
    { spec: METRICS.retries, samples: [{ labels: { function: name }, value: 3 }] },
    { spec: METRICS.running, samples: [] },
    { spec: DELAYS, samples: [{ labels: { function: name }, value: counts }] },
  ];
}

Deno.test("metrics are text as Prometheus reads it; one without values is left out", async () => {
  const { text, contentType } = await exposition(families());
  assertEquals(contentType, "text/plain; version=0.0.4; charset=utf-8");
  assertEquals(text.trimEnd().split("\n"), [
    "# HELP warren_retries_total Messages that were sent to their next attempt",
    "# TYPE warren_retries_total counter",
    'warren_retries_total{function="order"} 3',
    "",
    "# HELP warren_message_duration_seconds Time that the handler took",
    "# TYPE warren_message_duration_seconds histogram",
    'warren_message_duration_seconds_bucket{function="order",le="0.1"} 1',
    'warren_message_duration_seconds_bucket{function="order",le="1"} 2',
    'warren_message_duration_seconds_bucket{function="order",le="+Inf"} 3',
    'warren_message_duration_seconds_sum{function="order"} 5.55',
    'warren_message_duration_seconds_count{function="order"} 3',
  ]);
});

Deno.test("a client that accepts OpenMetrics gets it, with the names of the table", async () => {
  const { text, contentType } = await exposition(
    families(),
    "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
  );
  assertStringIncludes(contentType, "application/openmetrics-text");
  assertStringIncludes(text, '# TYPE warren_retries counter\nwarren_retries_total{function="order"} 3\n');
  assertEquals(text.endsWith("# EOF\n"), true);
});

Deno.test("a name with quotes and line breaks stays one label", async () => {
  const { text } = await exposition(families('a"}\nwarren_running 9\\'));
  assertStringIncludes(text, 'warren_retries_total{function="a\\"}\\nwarren_running 9\\\\"} 3\n');
});
