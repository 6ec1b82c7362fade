import { readSecretUrl } from "../base/secret_url.ts";

/** The store for `Context.once()`. */
export type OnceAddress =
  | { readonly kind: "sqlite"; readonly path: string }
  /** The URL may contain a password. */
  | { readonly kind: "redis"; readonly url: string }
  /** A module whose default export creates a store. */
  | { readonly kind: "module"; readonly path: string };

const EXPECTED =
  "expected sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT, or the path of a module, as in ./store.ts";

const REDIS_URL = { schemes: ["redis:", "rediss:"], example: "redis://user:password@host:6379/0" };

/**
 * Parses the address of a store: `sqlite:PATH`, `redis://…`, `rediss://…`, or a module's path.
 *
 * @throws {Error} for anything else. Does not quote it, since it may contain a password
 */
export function parseOnceAddress(text: string): OnceAddress {
  const sqlite = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(text);
  if (sqlite) return { kind: "sqlite", path: sqlite[1] };
  if (/^rediss?:\/\//.test(text)) {
    const { hostname, pathname } = readSecretUrl(text, "the Redis URL", REDIS_URL);
    if (hostname === "") throw new Error(`the Redis URL names no host; expected ${REDIS_URL.example}`);
    const database = pathname.slice(1);
    if (!/^\d*$/.test(database)) {
      throw new Error("the Redis URL's path is no database's number; expected one as in redis://host/0");
    }
    return { kind: "redis", url: text };
  }
  if (/^file:\/\/|^[^:]+\.[cm]?[jt]s$/.test(text)) return { kind: "module", path: text };
  throw new Error(EXPECTED);
}
