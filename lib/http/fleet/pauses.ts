import { type Context, Hono } from "hono";
import { describeError } from "../../base/errors.ts";
import { parseDuration } from "../../base/time/duration.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";
import type { PauseResult } from "../../invocation/insight/pause.ts";
import { bodyOf } from "../publishing/body.ts";
import { Problem } from "../problem.ts";
import type { RunnerView } from "../runner_view.ts";

/** Milliseconds: RabbitMQ keeps no message longer that expires. */
const MOST_FOR = 45 * 86_400_000;
const LEAST_FOR = 1_000;
/** Characters of the name of who asks. */
const MOST_BY = 100;
const MOST_BODY = 4_096;

type View = Pick<RunnerView, "function">;

/** What may be said in the query, or as members of a JSON object. */
interface Asked {
  readonly here: boolean;
  readonly for?: number;
  readonly by?: string;
}

/** `POST /functions/:name/pause` and `…/resume`: for all runners, or with `here` for this one. */
export function pauseRoutes(runner: View, operator: Pick<OperatorView, "pause" | "resume">): Hono {
  return new Hono()
    .post("/functions/:name/pause", async (context) => {
      const request = await askedIn(context, ["here", "for", "by"]);
      const name = context.req.param("name");
      return answered(context, runner, name, await operator.pause(name, request));
    })
    .post("/functions/:name/resume", async (context) => {
      const { here } = await askedIn(context, ["here", "by"]);
      const name = context.req.param("name");
      return answered(context, runner, name, await operator.resume(name, { here }));
    });
}

/** The function as this runner has it, if it does, and how it stands in each runner. */
function answered(context: Context, runner: View, name: string, result: PauseResult | undefined): Response {
  const view = runner.function(name);
  if (!result && view) throw new Problem(409, "Conflict", `function "${name}" is not bound to a queue`);
  if (!result) throw new Problem(404, "Not Found", `no runner has a function "${name}"; GET /runners lists them`);
  const { standings, silent } = result;
  return context.json({ ...(view ?? { name }), runners: standings, silent });
}

/** @throws {Problem} 400 */
async function askedIn(context: Context, known: readonly (keyof Asked)[]): Promise<Asked> {
  const given: Record<string, unknown> = { ...await membersOf(context), ...context.req.query() };
  const unknown = Object.keys(given).find((key) => !known.includes(key as keyof Asked));
  if (unknown !== undefined) throw wrong(`"${unknown}" is not one of ${known.join(", ")}`);
  return { here: hereIn(given.here), for: durationIn(given.for), by: byIn(given.by) };
}

async function membersOf(context: Context): Promise<Record<string, unknown>> {
  const body = await bodyOf(context.req.raw, MOST_BODY);
  if (body.length === 0) return {};
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw wrong('the body is not a JSON object, as in {"here": true, "for": "1h"}');
}

function hereIn(value: unknown): boolean {
  if (value === undefined || value === false || value === "false") return false;
  if (value === true || value === "true" || value === "") return true;
  throw wrong(`here is ${JSON.stringify(value)}, expected true or false`);
}

function durationIn(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  let ms: number;
  try {
    ms = parseDuration(value);
  } catch (error) {
    throw wrong(`for: ${describeError(error)}`);
  }
  if (ms >= LEAST_FOR && ms <= MOST_FOR) return ms;
  throw wrong(`for is ${JSON.stringify(value)}, expected from 1s to 45d`);
}

function byIn(value: unknown): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string" && value.length <= MOST_BY) return value;
  throw wrong(`by is the name of who asks, with at most ${MOST_BY} characters`);
}

function wrong(detail: string): Problem {
  return new Problem(400, "Bad Request", detail);
}
