import { type Context, Hono } from "hono";
import { parseDuration } from "../../base/time/duration.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { asTheirs, Problem } from "../../http/problem.ts";
import type { FunctionDetail } from "../../http/runner_view.ts";
import { InvalidBody } from "../../invocation/content/invalid_body.ts";
import { areFieldsOf, bodyOfFields, inputFields } from "../input_fields.ts";
import { KnownParts, NOTHING_FOUND } from "../known_parts.ts";
import { LogFeed } from "../live/log_feed.tsx";
import { functionFragments, type FunctionGlance, functionPage } from "../pages/function.tsx";
import type { Invoked } from "../pages/invoke_form.tsx";
import { BASE, paths, withQuery } from "../paths.ts";
import { detailsOf, formOf, html, seeOther, type Site, textOf } from "../site.ts";

const PAGE = `${BASE}/functions/:name`;
const LIVE = `${BASE}/live/functions/:name`;
const MOST_RUNS = 12;

/** `/console/functions/:name`: one function, and what can be done with it. */
export function functionRoutes(site: Site): Hono {
  const { runner, operator, streams, place, maxBody } = site;
  const livePath = (name: string) => LIVE.replace(":name", encodeURIComponent(name));
  const nameOf = (context: Context) => context.req.param("name") ?? "";
  const shown = async (name: string, more: { done?: string; asText?: boolean; invoked?: Invoked }, status = 200) =>
    html(functionPage({ place, glance: await glanceOf(site, name), live: livePath(name), ...more }), status);
  return new Hono()
    .get(PAGE, (context) => {
      const { done, sent, body } = context.req.query();
      const invoked = sent === undefined ? undefined : { messageId: sent };
      return shown(nameOf(context), { done, asText: body === "text", invoked });
    })
    .get(LIVE, async (context) => {
      const name = nameOf(context);
      await glanceOf(site, name);
      return streams.stream(context, livePath(name), renderLive(site, name));
    })
    .post(`${PAGE}/pause`, async (context) => {
      const name = nameOf(context);
      const span = (await formOf(context, maxBody)).get("for");
      const time = span === null ? undefined : durationOf(span);
      if (!await operator.pause(name, { for: time, by: "the console" })) throw noFunction(name);
      return seeOther(withQuery(paths.function(name), { done: "paused" }));
    })
    .post(`${PAGE}/resume`, async (context) => {
      const name = nameOf(context);
      if (!await operator.resume(name, {})) throw noFunction(name);
      return seeOther(withQuery(paths.function(name), { done: "resumed" }));
    })
    .post(`${PAGE}/run-now`, async (context) => {
      const name = nameOf(context);
      const { messageId } = await operator.runNow(name).catch(asTheirs);
      return seeOther(withQuery(paths.function(name), { sent: messageId }));
    })
    .post(`${PAGE}/invoke`, async (context) => {
      const name = nameOf(context);
      const view = detailsOf(site, name);
      if (!view) throw noFunction(name);
      const form = await formOf(context, maxBody);
      const { body, contentType, typed } = form.has("body") ? writtenBody(form) : filledBody(form, view);
      try {
        if (/[/+]json\s*(;|$)/i.test(contentType)) assertJson(body);
        const messageId = crypto.randomUUID();
        const request = { body: new TextEncoder().encode(body), messageId, contentType: contentType || undefined };
        await runner.publish(name, request);
        return seeOther(withQuery(paths.function(name), { sent: messageId }));
      } catch (error) {
        if (!(error instanceof WarrenError || error instanceof InvalidBody)) throw error;
        return await shown(name, { invoked: { error: describeError(error), ...typed } }, 422);
      }
    });
}

/** What a form means, and what to show again if it cannot be published. */
interface Typed {
  readonly body: string;
  readonly contentType: string;
  readonly typed: Pick<Invoked, "body" | "contentType" | "fields">;
}

function writtenBody(form: URLSearchParams): Typed {
  const body = textOf(form, "body");
  const contentType = textOf(form, "contentType").trim();
  return { body, contentType, typed: { body, contentType } };
}

/** @throws {Problem} 409 if the function has other fields now than when the page was made */
function filledBody(form: URLSearchParams, { name, input }: FunctionDetail): Typed {
  const filled = new Map(form);
  const fields = inputFields(input);
  if (!fields || !areFieldsOf(fields, filled)) {
    throw new Problem(
      409,
      "Conflict",
      `the fields of ${name} have changed; open its page again, nothing was published`,
    );
  }
  const body = JSON.stringify(bodyOfFields(fields, filled));
  return { body, contentType: "application/json", typed: { fields: filled } };
}

/** @throws {Problem} 404 where no runner knows it */
async function glanceOf({ runner, operator, ...site }: Site, name: string): Promise<FunctionGlance> {
  const view = detailsOf({ runner, operator, ...site }, name);
  const states = operator.runners().filter(({ gone }) => !gone).flatMap(({ name: who, functions }) =>
    functions.filter((one) => one.name === name)
      .map(({ state, detail, running }) => ({ runner: who, state, detail, running }))
  );
  if (!view && states.length === 0) throw noFunction(name);
  const parts = new KnownParts();
  const [depth, history, runs, errors, troubles] = await Promise.all([
    parts.get("depth", operator.depth(name), undefined),
    parts.get("the last hour", operator.history(name), undefined),
    parts.get("recent runs", operator.runs({ function: name, limit: MOST_RUNS }), NOTHING_FOUND),
    parts.get("errors", operator.errors(name), NOTHING_FOUND),
    parts.get("troubles", operator.troubles(), []),
  ]);
  const { missing } = parts;
  const own = troubles.filter((one) => one.function === name);
  return { name, view, depth, history, runs, errors, states, troubles: own, missing };
}

/** The changing parts, and the lines that were logged since the last look. */
function renderLive(site: Site, name: string) {
  const feed = new LogFeed();
  let following = false;
  return async (signal: AbortSignal) => {
    if (!following) {
      following = true;
      // Where it breaks off it begins again with the next look.
      feed.follow(site.operator.follow({ function: name }, signal)).catch(() => {}).finally(() => following = false);
    }
    return [...functionFragments(await glanceOf(site, name)), ...feed.take()];
  };
}

function noFunction(name: string): Problem {
  return new Problem(404, "Not Found", `no runner knows a function "${name}"`);
}

/** @throws {Problem} 400 */
function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    asTheirs(error);
  }
}

/** @throws {WarrenError} `undecodable` */
function assertJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new WarrenError("undecodable", `the body is not JSON: ${describeError(error)}`, { cause: error });
  }
}
