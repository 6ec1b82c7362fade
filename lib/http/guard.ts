import type { MiddlewareHandler } from "hono";
import { timingSafeEqual } from "node:crypto";
import { Problem } from "./problem.ts";

const OPEN = ["/healthz", "/readyz"];
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
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
    const site = context.req.header("sec-fetch-site");
    if (site === "cross-site" || site === "same-site") {
      throw new Problem(403, "Forbidden", "requests from other sites are refused");
    }
    await next();
  };
}
