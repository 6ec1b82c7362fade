import { Hono } from "hono";
import { endsWithin } from "../../base/time/within.ts";
import { type FleetStatus, functionStatuses } from "../../invocation/insight/fleet_status.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";

type Known = Pick<OperatorView, "runners" | "depths" | "troubles">;

/** Milliseconds for the broker to say how much waits; the rest is shown without. */
const DEPTH_LIMIT = 2_000;

/** `GET /status`: all runners, all functions and what is wrong, in one answer. */
export function statusRoutes(operator: Known): Hono {
  return new Hono().get("/status", async (context) => context.json(await statusOf(operator)));
}

async function statusOf(operator: Known): Promise<FleetStatus> {
  const measuring = operator.depths();
  const [troubles, measured] = await Promise.all([operator.troubles(), endsWithin(DEPTH_LIMIT, measuring)]);
  const runners = operator.runners();
  const functions = functionStatuses(runners, measured ? await measuring : []);
  return { at: Date.now(), healthy: troubles.length === 0, runners, functions, troubles };
}
