import type { Context, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isLoopback } from "../../base/loopback.ts";
import { type HttpEndpoint, isReserved } from "../../invocation/definition/http_endpoint.ts";
import { assertAccess, type Tokens } from "../guards/access.ts";
import { assertOwnSite, letIn } from "../guards/guard.ts";
import { Problem } from "../problem.ts";
import type { MessageEvents } from "../../invocation/insight/message_event.ts";
import { followMessage, isMessageEvents } from "../runs/message_events.ts";
import { publishRequest } from "./publish_request.ts";
import type { FunctionView, RunnerView } from "../runner_view.ts";

export interface EndpointOptions {
  tokens: Tokens;
  /** Bytes. */
  maxBody: number;
  /** Where the API listens. */
  host: string;
  /** Follows messages. */
  messages?: MessageEvents;
  /** Aborts to end open streams. */
  closing?: AbortSignal;
}

/** A function with an `http` in its config. */
type Endpoint = FunctionView & { readonly http: HttpEndpoint };

const OF_FUNCTION = /^\/functions\/([^/]+)$/;
/** Seconds that a browser remembers what it may send. */
const PREFLIGHT_AGE = 600;

/**
 * Serves what functions ask for with `http`: paths of their own, and requests of pages of other origins. It stands before
 * the guards of the API, because a public path has none.
 */
export function endpoints(runner: RunnerView, options: EndpointOptions): MiddlewareHandler {
  return async (context, next) => {
    const found = find(runner, context);
    if (!found?.http) return await next();
    const endpoint = { ...found, http: found.http };
    const own = endpoint.http.path === context.req.path;
    const followed = isMessageEvents(context);
    const serve = async () => {
      if (own) context.res = await serveOwnPath(context, runner, endpoint, options);
      else if (followed && endpoint.http.public && options.messages && context.req.method === "GET") {
        context.res = followMessage(context, options.messages, options);
      } else await next();
    };
    const { origins, methods } = endpoint.http;
    const origin = context.req.header("origin");
    const allowed = (origin: string) => origins.includes("*") || origins.includes(origin) ? origin : undefined;
    if (origin === undefined || !allowed(origin)) return await serve();
    letIn(context);
    const allowMethods = own ? [...methods] : [followed ? "GET" : "POST"];
    return await cors({ origin: allowed, allowMethods, exposeHeaders: ["message-id"], maxAge: PREFLIGHT_AGE })(
      context,
      serve,
    );
  };
}

function find(runner: RunnerView, context: Context): FunctionView | undefined {
  const { path } = context.req;
  if (!isReserved(path)) return runner.endpoint(path);
  if (isMessageEvents(context)) {
    const view = runner.function(context.req.query("function") ?? "");
    return view?.http?.events ? view : undefined;
  }
  // Here `http` only says which pages may send requests, so requests of other programs need no look at it.
  if (context.req.header("origin") === undefined) return undefined;
  const name = OF_FUNCTION.exec(path)?.[1];
  return name === undefined ? undefined : runner.function(name);
}

async function serveOwnPath(
  context: Context,
  runner: RunnerView,
  endpoint: Endpoint,
  { tokens, maxBody, host }: EndpointOptions,
): Promise<Response> {
  const { http } = endpoint;
  const { method } = context.req;
  if (!http.public) {
    if (isLoopback(host)) assertOwnSite(context);
    if (tokens.write !== undefined) await assertAccess(context, tokens, "write");
  }
  if (!http.methods.includes(method)) {
    const allow = http.methods.join(", ");
    throw new Problem(405, "Method Not Allowed", `allowed here: ${allow}`, { allow });
  }
  const query = new URL(context.req.url).search.slice(1);
  return await publishRequest(context, runner, endpoint, maxBody, { "http-method": method, "http-query": query });
}
