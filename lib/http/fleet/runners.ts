import { Hono } from "hono";
import type { RunnerView } from "../runner_view.ts";

/** `GET /runners`: all runners that share the broker, with their functions. */
export function runnerRoutes(runner: Pick<RunnerView, "runners">): Hono {
  return new Hono().get("/runners", (context) => context.json({ runners: runner.runners() }));
}
