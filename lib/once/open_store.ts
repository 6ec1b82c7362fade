import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Kept, OnceClaim, OnceStore } from "../invocation/once_store.ts";
import type { Logger } from "../base/log.ts";
import type { OnceAddress } from "../settings/once_address.ts";

/** The store at an address. It opens at the first use. If that fails, the next use tries again. */
export function openStore(address: OnceAddress, log: Logger): OnceStore {
  return new LazyStore(async () => {
    const store = await openNow(address);
    log.info(`keys of once() are kept ${where(address)}`);
    return store;
  });
}

/** The address without its password. */
function where(address: OnceAddress): string {
  switch (address.kind) {
    case "sqlite":
      return `in "${address.path}", for the runners of this machine`;
    case "redis":
      return `in Redis at ${new URL(address.url).host}`;
    case "module":
      return `by "${address.path}"`;
  }
}

class LazyStore implements OnceStore {
  readonly #open: () => Promise<OnceStore>;
  #opened: Promise<OnceStore> | undefined;

  constructor(open: () => Promise<OnceStore>) {
    this.#open = open;
  }

  async claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    return await (await this.#store()).claim(key, owner, lease);
  }

  async done(key: string, owner: string, value: string | undefined, keep: number): Promise<Kept> {
    return await (await this.#store()).done(key, owner, value, keep);
  }

  async release(key: string, owner: string): Promise<void> {
    await (await this.#store()).release(key, owner);
  }

  async close(): Promise<void> {
    const store = await this.#opened?.catch(() => undefined);
    await store?.close();
  }

  #store(): Promise<OnceStore> {
    if (!this.#opened) {
      this.#opened = this.#open();
      this.#opened.catch(() => this.#opened = undefined);
    }
    return this.#opened;
  }
}

/** The store's dependencies are imported only when it opens. */
async function openNow(address: OnceAddress): Promise<OnceStore> {
  switch (address.kind) {
    case "sqlite":
      return await (await import("./sqlite_store.ts")).SqliteStore.open(address.path);
    case "redis":
      return new (await import("./redis_store.ts")).RedisStore(address.url);
    case "module":
      return await fromModule(address.path);
  }
}

const METHODS = ["claim", "done", "release", "close"] as const;

async function fromModule(path: string): Promise<OnceStore> {
  const url = path.startsWith("file:") ? path : pathToFileURL(resolve(path)).href;
  try {
    const { default: make } = await import(url);
    if (typeof make !== "function") {
      throw new TypeError(`its default export is ${typeof make}, expected a function that makes a store`);
    }
    const store = await make();
    const missing = METHODS.filter((name) => typeof store?.[name] !== "function");
    if (missing.length > 0) throw new TypeError(`the store that it returns has no ${missing.join(", no ")}`);
    return store;
  } catch (cause) {
    throw new WarrenError("config", `ONCE_STORE names the module "${path}": ${describeError(cause)}`, { cause });
  }
}
