import { type Context, Hono } from "hono";
import { endsWithin } from "../base/time/within.ts";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import { WarrenError } from "../base/errors.ts";
import { Problem } from "./problem.ts";
import { publishRequest, timingOf } from "./publishing/publish_request.ts";
import type { FunctionView, RunnerView } from "./runner_view.ts";

/** Milliseconds for the broker to say where a function's messages are; the rest is shown without. */
const DEPTH_LIMIT = 2_000;

/** `/functions`: lists functions and their states, and publishes messages for them. */
export function functionRoutes(
  runner: RunnerView,
  operator: Pick<OperatorView, "depth" | "runNow">,
  options: { maxBody: number },
): Hono {
  return new Hono()
    .get("/functions", (context) => context.json({ functions: runner.functions() }))
    .get("/functions/:name", async (context) => {
      const { name } = functionOf(runner, context);
      const measuring = operator.depth(name);
      const depth = await endsWithin(DEPTH_LIMIT, measuring) ? await measuring : undefined;
      return context.json({ ...runner.detail(name), depth });
    })
    .post("/functions/:name/run", async (context) => {
      const { name } = functionOf(runner, context);
      const { messageId } = await operator.runNow(name).catch(asConflict);
      return context.json({ function: name, messageId }, 202);
    })
    .post(
      "/functions/:name",
      (context) => publishRequest(context, runner, functionOf(runner, context), options.maxBody, {}, timingOf(context)),
    );
}

/** @throws {Problem} 404 */
export function functionOf(runner: Pick<RunnerView, "function">, context: Context): FunctionView {
  const name = context.req.param("name") ?? "";
  const found = runner.function(name);
  if (!found) throw new Problem(404, "Not Found", `there is no function "${name}"; GET /functions lists them`);
  return found;
}

/** @throws {Problem} 409 where the function is of another kind */
function asConflict(error: unknown): never {
  if (error instanceof WarrenError && error.code === "config") throw new Problem(409, "Conflict", error.message);
  throw error;
}
