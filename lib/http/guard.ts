import type { Context, MiddlewareHandler } from "hono";
import { timingSafeEqual } from "node:crypto";
import { WarrenError } from "../errors.ts";
import { Problem } from "./problem.ts";

/** They change nothing, and a page of another origin cannot read their answers. A link may lead here. */
const SAFE = ["GET", "HEAD"];
const OPEN = ["/healthz", "/readyz"];
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
}

/**
 * Whoever reaches the API can put messages into queues.
 *
 * @throws {WarrenError} `config` when others than this machine would reach it without a token
 */
export function assertGuarded(host: string, token: string | undefined): void {
  if (token !== undefined || isLoopback(host)) return;
  throw new WarrenError(
    "config",
    `HOST is "${host}", where others reach the HTTP API: set API_TOKEN (or API_TOKEN_FILE), or leave HOST at 127.0.0.1`,
  );
}

/** All but the health routes need the token, where there is one. Digests are compared, in constant time. */
export function requireToken(token: string): MiddlewareHandler {
  const expected = digest(token);
  return async (context, next) => {
    if (OPEN.includes(context.req.path)) return await next();
    const given = /^Bearer +(\S+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
    if (given === undefined || !timingSafeEqual(await digest(given), await expected)) {
      throw new Problem(401, "Unauthorized", "this needs the API token: Authorization: Bearer …", {
        "www-authenticate": 'Bearer realm="warren"',
      });
    }
    await next();
  };
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/**
 * On loopback without a token, any page in this machine's browser could reach the
 * API: by a name of its own that resolves to loopback, or by a form.
 */
export function refuseOtherSites(): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header("host") ?? new URL(context.req.url).host;
    if (!LOOPBACK.test(host)) throw new Problem(403, "Forbidden", `host "${host}" is not this machine`);
    if (!SAFE.includes(context.req.method) && fromAnotherSite(context, host)) {
      throw new Problem(403, "Forbidden", "requests from other sites are refused");
    }
    await next();
  };
}

/** Another port is another site here: what listens there is another program. */
function fromAnotherSite({ req }: Context, host: string): boolean {
  const site = req.header("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") return true;
  const origin = req.header("origin");
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host.toLowerCase());
}
