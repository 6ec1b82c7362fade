import type { Context, MiddlewareHandler } from "hono";
import type { Logger } from "../../base/log.ts";
import { isReserved } from "../../invocation/definition/http_endpoint.ts";
import { SAFE } from "./access.ts";

/** Publishing is what the API is for. Each message has its run record, so it needs no line of its own. */
const PUBLISH = /^\/functions\/[^/]+$/;

/** Writes one line to the log for each request that changes something: what, from where, and the answer's status. */
export function auditWrites(log: Logger | undefined): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { method, path } = context.req;
    const publishes = !isReserved(path) || (method === "POST" && PUBLISH.test(path));
    if (SAFE.includes(method) || method === "OPTIONS" || publishes) return;
    log?.info(`audit: ${method} ${path}`, {
      status: context.res.status,
      from: remoteAddress(context),
      agent: context.req.header("user-agent")?.slice(0, 100),
    });
  };
}

/** The address of the client, as Deno.serve() tells it. Undefined where a test calls the app without a socket. */
function remoteAddress({ env }: Context): string | undefined {
  const address = (env as Partial<Deno.ServeHandlerInfo<Deno.NetAddr>> | undefined)?.remoteAddr;
  return address && `${address.hostname}:${address.port}`;
}
