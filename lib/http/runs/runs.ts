import { type Context, Hono } from "hono";
import { parseDuration } from "../../base/time/duration.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";
import type { RunQuery } from "../../invocation/insight/run.ts";
import { noOutcomes } from "../../invocation/outcome.ts";
import { Problem } from "../problem.ts";

type Runs = Pick<OperatorView, "runs" | "run" | "story" | "errors" | "history">;

const OUTCOMES = Object.keys(noOutcomes());
const MAX_LIMIT = 500;

/**
 * `/runs`: the records of invocations, newest first. `/messages/:id/runs`: all runs of a message, of those that it came
 * from and of those that it gave rise to, oldest first. `/functions/:name/errors`: failures in groups of the same kind.
 * `/functions/:name/history`: its last hour.
 */
export function runRoutes(view: Runs): Hono {
  return new Hono()
    .get("/runs", async (context) => context.json(await view.runs(queryOf(context))))
    .get("/runs/:id", async (context) => {
      const id = context.req.param("id");
      const run = await view.run(id);
      if (run) return context.json(run);
      throw new Problem(404, "Not Found", `there is no run "${id}", or its record is not kept any more`);
    })
    .get("/messages/:id/runs", async (context) => context.json(await view.story(context.req.param("id"))))
    .get("/functions/:name/errors", async (context) => context.json(await view.errors(context.req.param("name"))))
    .get("/functions/:name/history", async (context) => {
      const name = context.req.param("name");
      const history = await view.history(name);
      if (history) return context.json(history);
      throw new Problem(404, "Not Found", `function "${name}" has run nothing in the last hour`);
    });
}

/** @throws {Problem} 400 */
function queryOf({ req }: Context): RunQuery {
  const known = ["function", "id", "outcome", "failed", "trace", "text", "since", "until", "limit"];
  const unknown = Object.keys(req.query()).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(`there is no parameter "${unknown}"; there are ${known.join(", ")}`);
  const outcome = req.query("outcome");
  if (outcome !== undefined && !OUTCOMES.includes(outcome)) {
    throw wrong(`outcome "${outcome}" is not one of ${OUTCOMES.join(", ")}`);
  }
  return {
    function: req.query("function"),
    messageId: req.query("id"),
    outcome: outcome as RunQuery["outcome"],
    failed: req.query("failed") === undefined ? undefined : req.query("failed") !== "false",
    traceId: req.query("trace"),
    text: req.query("text") || undefined,
    since: timeOf("since", req.query("since")),
    until: timeOf("until", req.query("until")),
    limit: limitOf(req.query("limit")),
  };
}

/** How many are wanted. @throws {Problem} 400 */
export function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw wrong(`limit "${text}" is not a number from 1 to ${MAX_LIMIT}`);
}

/** Milliseconds since 1970, an ISO date, or how long ago: `1h`. */
function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  if (!Number.isNaN(date)) return date;
  try {
    return Date.now() - parseDuration(text);
  } catch {
    throw wrong(
      `${name} "${text}" is not a time: expected milliseconds since 1970, an ISO date, or how long ago, as in 1h`,
    );
  }
}

function wrong(detail: string): Problem {
  return new Problem(400, "Bad Request", detail);
}
