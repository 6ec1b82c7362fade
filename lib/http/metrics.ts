import { Hono } from "hono";

/** What the HTTP API needs of metrics. */
export interface MetricsView {
  /** @param accept The header of the request */
  exposition(accept: string | undefined): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** `/metrics`: the metrics of this runner for Prometheus, or as OpenMetrics where the client accepts that. */
export function metricsRoutes(metrics: MetricsView): Hono {
  return new Hono().get("/metrics", async (context) => {
    const { text, contentType } = await metrics.exposition(context.req.header("accept"));
    return context.body(text, 200, { "content-type": contentType });
  });
}
