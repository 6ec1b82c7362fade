import { type Context, Hono } from "hono";
import { parseDuration } from "../../base/time/duration.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { asTheirs, Problem } from "../../http/problem.ts";
import { bodyOfFields, inputFields } from "../function_details.ts";
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
  const shown = async (name: string, more: { done?: string; invoked?: Invoked }, status = 200) =>
    html(functionPage({ place, glance: await glanceOf(site, name), live: livePath(name), ...more }), status);
  return new Hono()
    .get(PAGE, (context) => {
      const { done, sent } = context.req.query();
      return shown(nameOf(context), { done, invoked: sent === undefined ? undefined : { messageId: sent } });
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
      const fields = inputFields(view.input);
      const contentType = fields ? "application/json" : textOf(form, "contentType").trim();
      const body = fields ? JSON.stringify(bodyOfFields(fields, new Map(form))) : textOf(form, "body");
      try {
        if (/[/+]json\s*(;|$)/i.test(contentType)) assertJson(body);
        const messageId = crypto.randomUUID();
        const request = { body: new TextEncoder().encode(body), messageId, contentType: contentType || undefined };
        await runner.publish(name, request);
        return seeOther(withQuery(paths.function(name), { sent: messageId }));
      } catch (error) {
        if (!(error instanceof WarrenError)) throw error;
        return await shown(name, { invoked: { error: describeError(error), body, contentType } }, 422);
      }
    });
}

/** @throws {Problem} 404 where no runner knows it */
async function glanceOf({ runner, operator, ...site }: Site, name: string): Promise<FunctionGlance> {
  const view = detailsOf({ runner, operator, ...site }, name);
  const states = operator.runners().filter(({ gone }) => !gone).flatMap(({ name: who, functions }) =>
    functions.filter((one) => one.name === name).map(({ state, detail }) => ({ runner: who, state, detail }))
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
