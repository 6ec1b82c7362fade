import { Hono } from "hono";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";

/** `GET /runners`: all runners that share the broker, with their functions. */
export function runnerRoutes(operator: Pick<OperatorView, "runners">): Hono {
  return new Hono().get("/runners", (context) => context.json({ runners: operator.runners() }));
}
