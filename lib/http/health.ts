import { Hono } from "hono";
import type { Logger } from "../base/log.ts";
import { accessOf, type Tokens } from "./guards/access.ts";
import { whyNotReady } from "./readiness.ts";
import type { RunnerView } from "./runner_view.ts";

/**
 * `/healthz`: the process responds. `/readyz`: the runner can do its work. `?verbose` lists each check. Errors of
 * functions can contain anything, so if there is a token, only callers who send it get the details. Each change of the
 * answer is logged.
 */
export function healthRoutes(runner: RunnerView, { log, tokens }: { log?: Logger; tokens?: Tokens } = {}): Hono {
  let last: boolean | undefined;
  return new Hono()
    .get("/healthz", (context) => context.text("ok\n"))
    .get("/readyz", async (context) => {
      const readiness = runner.ready();
      const { ready, checks } = readiness;
      if (ready !== last) log?.info(ready ? "ready" : `not ready: ${whyNotReady(readiness)}`);
      last = ready;
      const status = ready ? 200 : 503;
      const verbose = context.req.query("verbose") !== undefined ||
        context.req.header("accept")?.includes("application/json");
      if (!verbose) return context.text(ready ? "ready\n" : "not ready\n", status);
      const trusted = tokens?.write === undefined || await accessOf(context, tokens) !== undefined;
      const shown = trusted ? checks : checks.map(({ detail: _, ...check }) => check);
      return context.json({ ready, checks: shown }, status);
    });
}
