import type { Context, MiddlewareHandler } from "hono";
import { timingSafeEqual } from "node:crypto";
import { Problem } from "../problem.ts";

/** The tokens of the HTTP API. Without `write`, everybody who reaches the API may do everything. */
export interface Tokens {
  /** Opens every route. */
  readonly write: string | undefined;
  /** Opens what changes nothing. */
  readonly read: string | undefined;
}

export type Access = "read" | "write";

/** These methods change nothing. */
export const SAFE = ["GET", "HEAD"];
/** Browsers cannot set headers on a WebSocket, so this route also accepts the token in the query. */
export const WS_AMQP = "/ws/amqp";
const OPEN = ["/healthz", "/readyz"];

/**
 * Requires a token on every route but the health routes and those that `isOpen` names, and the write token for whatever
 * changes something.
 */
export function requireToken(tokens: Tokens, isOpen: (path: string) => boolean = () => false): MiddlewareHandler {
  return async (context, next) => {
    const { path } = context.req;
    if (!OPEN.includes(path) && !isOpen(path)) await assertAccess(context, tokens);
    await next();
  };
}

/**
 * @param needed what the request needs. @default by its method and path
 * @throws {Problem} 401 without a valid token, 403 where a read token is not enough
 */
export async function assertAccess(context: Context, tokens: Tokens, needed = neededFor(context)): Promise<void> {
  const { path, method } = context.req;
  const access = await accessOf(context, tokens);
  if (access === undefined) {
    throw new Problem(401, "Unauthorized", "this needs the API token: Authorization: Bearer …", {
      "www-authenticate": 'Bearer realm="warren"',
    });
  }
  if (access === "read" && needed === "write") {
    const detail = `${method} ${path} needs API_TOKEN; the request has API_READ_TOKEN, which may only read`;
    throw new Problem(403, "Forbidden", detail, {
      "www-authenticate": 'Bearer realm="warren", error="insufficient_scope"',
    });
  }
}

/** A WebSocket to the broker can publish and consume, although its request is a GET. */
function neededFor({ req: { method, path } }: Context): Access {
  return SAFE.includes(method) && path !== WS_AMQP ? "read" : "write";
}

/** What the token of a request may do; undefined without a valid token. Compares digests, in constant time. */
export async function accessOf(context: Context, { write, read }: Tokens): Promise<Access | undefined> {
  const given = bearer(context) ?? (context.req.path === WS_AMQP ? context.req.query("token") : undefined);
  if (given === undefined) return undefined;
  const digest = await digestOf(given);
  if (write !== undefined && timingSafeEqual(digest, await digestOf(write))) return "write";
  if (read !== undefined && timingSafeEqual(digest, await digestOf(read))) return "read";
  return undefined;
}

function bearer({ req }: Context): string | undefined {
  return /^Bearer +(\S+)$/i.exec(req.header("authorization") ?? "")?.[1];
}

async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
