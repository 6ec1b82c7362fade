import type { MetricsView } from "../../../lib/http/metrics.ts";

/** One metric, in the format that is asked for. */
export class FakeMetrics implements MetricsView {
  exposition(accept: string | undefined) {
    const open = accept?.includes("application/openmetrics-text") ?? false;
    const contentType = open ? "application/openmetrics-text; version=1.0.0" : "text/plain; version=0.0.4";
    return Promise.resolve({ text: `a 1\n${open ? "# EOF\n" : ""}`, contentType });
  }
}
