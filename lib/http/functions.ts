import { type Context, Hono } from "hono";
import { Problem } from "./problem.ts";
import { publishRequest } from "./publishing/publish_request.ts";
import type { FunctionView, RunnerView } from "./runner_view.ts";

/** `/functions`: lists functions and their states, and publishes messages for them. */
export function functionRoutes(runner: RunnerView, options: { maxBody: number }): Hono {
  return new Hono()
    .get("/functions", (context) => context.json({ functions: runner.functions() }))
    .post("/functions/:name/pause", async (context) => {
      const { name } = functionOf(runner, context);
      if (!await runner.pause(name)) throw notBound(name);
      return context.json(functionOf(runner, context));
    })
    .post("/functions/:name/resume", (context) => {
      const { name } = functionOf(runner, context);
      if (!runner.resume(name)) throw notBound(name);
      return context.json(functionOf(runner, context));
    })
    .get("/functions/:name", (context) => context.json(functionOf(runner, context)))
    .post(
      "/functions/:name",
      (context) => publishRequest(context, runner, functionOf(runner, context), options.maxBody),
    );
}

/** @throws {Problem} 404 */
export function functionOf(runner: RunnerView, context: Context): FunctionView {
  const name = context.req.param("name") ?? "";
  const found = runner.function(name);
  if (!found) throw new Problem(404, "Not Found", `there is no function "${name}"; GET /functions lists them`);
  return found;
}

function notBound(name: string): Problem {
  return new Problem(409, "Conflict", `function "${name}" is not bound to a queue`);
}
