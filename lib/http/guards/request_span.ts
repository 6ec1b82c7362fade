import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { Spans } from "../../invocation/tracing/spans.ts";

const SPANS = Spans.open();

/** Names the span that Deno makes of a request for the route that answered it. Undefined if tracing is off. */
export const nameSpan: MiddlewareHandler | undefined = SPANS && (async (context, next) => {
  await next();
  const route = routePath(context, -1);
  if (!route.endsWith("*")) SPANS.nameActive(`${context.req.method} ${route}`, { "http.route": route });
});
