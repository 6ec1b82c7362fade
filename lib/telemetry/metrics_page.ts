/** Makes docs/metrics.md: `deno run lib/telemetry/metrics_page.ts | deno fmt --ext md - > docs/metrics.md`. */
import { LABELS, METRICS, type MetricSpec } from "./names.ts";

const INTRODUCTION = `# Metrics

\`GET /metrics\` has the metrics of one runner in the text format of Prometheus, or as OpenMetrics if the client accepts
that. The route needs the API token if there is one; \`API_READ_TOKEN\` is enough.

\`\`\`yaml
scrape_configs:
  - job_name: warren
    authorization: { credentials_file: /etc/prometheus/warren-token }
    static_configs: [{ targets: ["runner-1:8000", "runner-2:8000"] }]
\`\`\`

- [deploy/prometheus](../deploy/prometheus) has such a configuration and alert rules; [deploy/grafana](../deploy/grafana)
  has a dashboard, which Grafana imports as it is.
- Each runner counts what it ran itself: add its counters up with \`sum\`. What is asked of the broker is the same on every
  runner: use \`max\`. The broker is only asked while somebody collects the metrics.
- \`METRICS_FUNCTIONS\` (500) functions have series of their own; the others are counted together as the function
  \`other\`. A function that is removed loses its series. \`METRICS_FUNCTIONS=0\` turns metrics off.

## OTLP

With \`OTEL_DENO=true\`, Deno sends the same metrics to an OpenTelemetry collector, under the same names. The usual
variables say where and how: \`OTEL_EXPORTER_OTLP_ENDPOINT\`, \`OTEL_EXPORTER_OTLP_PROTOCOL\`, \`OTEL_METRIC_EXPORT_INTERVAL\`,
\`OTEL_SERVICE_NAME\`, \`OTEL_RESOURCE_ATTRIBUTES\`. Deno adds metrics of its own. \`OTEL_METRICS_EXPORTER=none\` sends traces
only. The histograms of a function that was removed stay in the export until the runner restarts.

What was counted after the last export before a runner ends is missing. Deno waits for the collector at the end: one that
hangs delays it by up to 20 seconds after everything is settled and closed. \`OTEL_EXPORTER_OTLP_TIMEOUT=2000\`
(milliseconds) shortens that.
`;

/** The page, made from the table of names. */
export function metricsPage(): string {
  const metrics = Object.values<MetricSpec>(METRICS);
  return [
    INTRODUCTION,
    "## Labels",
    "",
    ...Object.entries(LABELS).map(([name, text]) => `- \`${name}\`: ${text}.`),
    "",
    "## All metrics",
    "",
    ...metrics.map(entry),
    "",
  ].join("\n");
}

function entry({ name, type, unit, labels, help, buckets }: MetricSpec): string {
  const about = [type, `unit ${unit}`, labels.length > 0 && `labels ${labels.join(", ")}`].filter(Boolean).join("; ");
  const bounds = buckets ? ` Buckets: ${buckets.join(", ")}.` : "";
  return `- \`${name}\` (${about}): ${help}.${bounds}`;
}

if (import.meta.main) console.log(metricsPage().trimEnd());
