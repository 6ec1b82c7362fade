import { Hono } from "hono";
import type { Logger } from "../log.ts";
import { whyNotReady } from "./readiness.ts";
import type { RunnerView } from "./runner_view.ts";

/**
 * `/healthz`: the process answers. `/readyz`: it can do its work; `?verbose` lists what can and what cannot. The log has a
 * line each time that the answer changes.
 */
export function healthRoutes(runner: RunnerView, { log }: { log?: Logger } = {}): Hono {
  let last: boolean | undefined;
  return new Hono()
    .get("/healthz", (context) => context.text("ok\n"))
    .get("/readyz", (context) => {
      const readiness = runner.ready();
      const { ready, checks } = readiness;
      if (ready !== last) log?.info(ready ? "ready" : `not ready: ${whyNotReady(readiness)}`);
      last = ready;
      const status = ready ? 200 : 503;
      const verbose = context.req.query("verbose") !== undefined ||
        context.req.header("accept")?.includes("application/json");
      return verbose
        ? context.json({ ready, checks }, status)
        : context.text(ready ? "ready\n" : "not ready\n", status);
    });
}
