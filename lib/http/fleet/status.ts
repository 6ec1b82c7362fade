import { Hono } from "hono";
import { type FleetStatus, fleetTroubles, functionStatuses } from "../../invocation/insight/fleet_status.ts";
import type { OperatorView, Trouble } from "../../invocation/insight/operator_view.ts";
import type { Readiness, RunnerView } from "../runner_view.ts";

/** What a runner knows beyond what the others announce makes the answer better. */
type Known = Pick<RunnerView, "runners" | "ready"> & Partial<Pick<OperatorView, "depths" | "troubles">>;

/** `GET /status`: all runners, all functions and what is wrong, in one answer. */
export function statusRoutes(runner: Known): Hono {
  return new Hono().get("/status", async (context) => context.json(await statusOf(runner)));
}

async function statusOf(runner: Known): Promise<FleetStatus> {
  const runners = runner.runners();
  const functions = functionStatuses(runners, await runner.depths?.());
  const found = await runner.troubles?.() ?? fleetTroubles(runners, functions);
  const troubles = [...unreadiness(runner.ready()), ...found];
  return { at: Date.now(), healthy: troubles.length === 0, runners, functions, troubles };
}

/** What keeps this runner from its work besides its functions, which have troubles of their own. */
function unreadiness({ checks }: Readiness): Trouble[] {
  return checks.filter(({ name, ok, required = true }) => !ok && required && !name.startsWith("function ")).map(
    ({ name, detail }) => ({
      severity: "error",
      kind: "not-ready",
      title: `${name} is not ready`,
      reason: detail ?? "no reason is known",
      action: "look at the broker, and at the log of the runner that you asked",
    }),
  );
}
