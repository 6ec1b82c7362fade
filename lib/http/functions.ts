import { type Context, Hono } from "hono";
import { Problem } from "./problem.ts";
import { publishRequest, timingOf } from "./publishing/publish_request.ts";
import type { FunctionView, RunnerView } from "./runner_view.ts";

/** `/functions`: lists functions and their states, and publishes messages for them. */
export function functionRoutes(runner: RunnerView, options: { maxBody: number }): Hono {
  return new Hono()
    .get("/functions", (context) => context.json({ functions: runner.functions() }))
    .get("/functions/:name", (context) => context.json(functionOf(runner, context)))
    .post(
      "/functions/:name",
      (context) => publishRequest(context, runner, functionOf(runner, context), options.maxBody, {}, timingOf(context)),
    );
}

/** @throws {Problem} 404 */
export function functionOf(runner: RunnerView, context: Context): FunctionView {
  const name = context.req.param("name") ?? "";
  const found = runner.function(name);
  if (!found) throw new Problem(404, "Not Found", `there is no function "${name}"; GET /functions lists them`);
  return found;
}
