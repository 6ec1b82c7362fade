import { Hono } from "hono";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import { functionOf } from "./functions.ts";
import { Problem } from "./problem.ts";
import type { RunnerView } from "./runner_view.ts";

/**
 * `/scale/:function`: how much work there is, as numbers for an autoscaler. Without a count it is 503, never 0: a scaler
 * that is told 0 would take all containers away.
 */
export function scaleRoutes(runner: Pick<RunnerView, "function">, operator: Pick<OperatorView, "depth">): Hono {
  return new Hono().get("/scale/:name", async (context) => {
    const { name } = functionOf(runner, context);
    const { ready, unacknowledged, oldest } = await operator.depth(name) ?? {};
    if (ready === undefined || unacknowledged === undefined) {
      const detail = `the broker does not say how many messages wait for "${name}"`;
      throw new Problem(503, "Service Unavailable", detail, { "retry-after": "5" });
    }
    return context.json({
      waiting: ready,
      inFlight: unacknowledged,
      total: ready + unacknowledged,
      oldest: oldest ?? null,
    });
  });
}
