/** Which store `Context.once()` uses. */
export type OnceAddress =
  | { readonly kind: "sqlite"; readonly path: string }
  /** The URL has a password in it, or may have. */
  | { readonly kind: "redis"; readonly url: string }
  /** A module whose default export makes a store. */
  | { readonly kind: "module"; readonly path: string };

const EXPECTED =
  "expected sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT, or the path of a module, as in ./store.ts";

/**
 * Reads which store is asked for: `sqlite:PATH`, `redis://…`, `rediss://…`, or a module's path.
 *
 * @throws {Error} for anything else, without quoting it: there may be a password in it
 */
export function parseOnceAddress(text: string): OnceAddress {
  const sqlite = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(text);
  if (sqlite) return { kind: "sqlite", path: sqlite[1] };
  if (/^rediss?:\/\//.test(text)) {
    if (!URL.canParse(text) || new URL(text).hostname === "") {
      throw new Error("the Redis URL cannot be read; expected redis://user:password@host:6379/0");
    }
    const database = new URL(text).pathname.slice(1);
    if (!/^\d*$/.test(database)) {
      throw new Error("the Redis URL's path is no database's number; expected one as in redis://host/0");
    }
    return { kind: "redis", url: text };
  }
  if (/^file:\/\/|^[^:]+\.[cm]?[jt]s$/.test(text)) return { kind: "module", path: text };
  throw new Error(EXPECTED);
}
