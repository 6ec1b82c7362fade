import type { Context, MiddlewareHandler } from "hono";
import { WarrenError } from "../../base/errors.ts";
import { isLoopback, isLoopbackAuthority } from "../../base/loopback.ts";
import { SAFE } from "./access.ts";
import { Problem } from "../problem.ts";

/** Looking at dead letters holds them for a moment, and a quorum queue counts that. Pages of other sites may not do it. */
const NEVER_SAFE = /^\/(functions\/[^/]+\/dead|console\/dead\/[^/]+)(\/|$)/;

/**
 * Everyone who reaches the API can publish to queues, so beyond loopback it needs a token.
 *
 * @throws {WarrenError} `config` if other machines could reach the API without a token
 */
export function assertGuarded(host: string, token: string | undefined): void {
  if (token !== undefined || isLoopback(host)) return;
  throw new WarrenError(
    "config",
    `HOST is "${host}", where others reach the HTTP API: set API_TOKEN (or API_TOKEN_FILE), or leave HOST at 127.0.0.1`,
  );
}

/**
 * Without a token on loopback, any page in a browser on this machine could reach the API, through a domain that
 * resolves to loopback or through a form.
 */
export function refuseOtherSites(): MiddlewareHandler {
  return async (context, next) => {
    assertOwnSite(context);
    await next();
  };
}

/** Requests of pages whose origin a function allows. */
const letInside = new WeakSet<Request>();

/** The function that a request is for allows its origin. */
export function letIn({ req }: Context): void {
  letInside.add(req.raw);
}

/** @throws {Problem} 403 for another host name, and for a request of another site that could change something */
export function assertOwnSite(context: Context): void {
  if (letInside.has(context.req.raw)) return;
  const host = context.req.header("host") ?? new URL(context.req.url).host;
  if (!isLoopbackAuthority(host)) throw new Problem(403, "Forbidden", `host "${host}" is not this machine`);
  const { method, path } = context.req;
  const safe = SAFE.includes(method) && !NEVER_SAFE.test(path);
  if (!safe && fromAnotherSite(context, host)) {
    throw new Problem(403, "Forbidden", "requests from other sites are refused");
  }
}

/** Another port is another site here: what listens there is another program. */
function fromAnotherSite({ req }: Context, host: string): boolean {
  const site = req.header("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") return true;
  const origin = req.header("origin");
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host.toLowerCase());
}

/**
 * Browsers let any page open a WebSocket and report only the page's origin. The origin must be on this machine or on
 * the host of the request. Clients that are no browsers send no origin.
 *
 * @throws {Problem} 403
 */
export function assertOwnPage({ req }: Context): void {
  const origin = req.header("origin");
  if (origin === undefined) return;
  const host = req.header("host") ?? new URL(req.url).host;
  const its = URL.canParse(origin) ? new URL(origin).host : "";
  if (isLoopbackAuthority(its) || (its !== "" && its === host.toLowerCase())) return;
  throw new Problem(403, "Forbidden", `pages of "${origin}" are refused`);
}
