import { Hono } from "hono";
import type { RunnerView } from "./runner_view.ts";

/** `/healthz`: the process answers. `/readyz`: it can do its work; `?verbose` says what can and what cannot. */
export function healthRoutes(runner: RunnerView): Hono {
  return new Hono()
    .get("/healthz", (context) => context.text("ok\n"))
    .get("/readyz", (context) => {
      const { ready, checks } = runner.ready();
      const status = ready ? 200 : 503;
      const verbose = context.req.query("verbose") !== undefined ||
        context.req.header("accept")?.includes("application/json");
      return verbose
        ? context.json({ ready, checks }, status)
        : context.text(ready ? "ready\n" : "not ready\n", status);
    });
}
