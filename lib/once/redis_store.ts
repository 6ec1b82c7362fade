import { createClient } from "@redis/client";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Kept, OnceClaim, OnceStore } from "../invocation/once_store.ts";

/** Prefix of every key, since a Redis may hold other data. */
const PREFIX = "warren:once:";
/** Milliseconds to connect, and to wait for an answer. */
const PATIENCE = 5_000;
/** Maximum milliseconds between two attempts to connect. */
const RECONNECT_MAX = 2_000;

/*
 * The value of a key is a letter for its state, followed by its data: `c` and the owner of a claim, `v` and JSON for a
 * stored value, or `u` for undefined. Each script reads and writes one key atomically.
 */
const CLAIM = `
  local found = redis.call('GET', KEYS[1])
  if found then return { found, redis.call('PTTL', KEYS[1]) } end
  redis.call('SET', KEYS[1], 'c' .. ARGV[1], 'PX', ARGV[2])
  return false`;
const DONE = `
  local found = redis.call('GET', KEYS[1])
  if found and string.sub(found, 1, 1) ~= 'c' then return found end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]`;
const RELEASE = `
  if redis.call('GET', KEYS[1]) == 'c' .. ARGV[1] then return redis.call('DEL', KEYS[1]) end
  return 0`;

/**
 * Stores keys in Redis, or in any server with its protocol and Lua, for runners on any number of machines. Reconnects
 * in the background; calls fail at once meanwhile.
 */
export class RedisStore implements OnceStore {
  readonly #client: ReturnType<typeof connected>;
  readonly #where: string;
  #connecting: Promise<void> | undefined;
  /** Why the last connection failed or ended. */
  #why = "not connected";

  /** @param url `redis:` or `rediss:`, optionally with user, password and database */
  constructor(url: string) {
    this.#where = new URL(url).host;
    this.#client = connected(url);
    this.#client.on("error", (error: unknown) => this.#why = describeError(error));
  }

  async claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    const found = await this.#eval(CLAIM, key, owner, String(Math.ceil(lease)));
    if (found === null) return { kind: "claimed" };
    const [text, left] = found as [string, number];
    return text.startsWith("c") ? { kind: "held", for: left } : { kind: "done", value: valueIn(text) };
  }

  async done(key: string, _owner: string, value: string | undefined, keep: number): Promise<Kept> {
    const text = value === undefined ? "u" : `v${value}`;
    return { value: valueIn(String(await this.#eval(DONE, key, text, String(Math.ceil(keep))))) };
  }

  async release(key: string, owner: string): Promise<void> {
    await this.#eval(RELEASE, key, owner);
  }

  close(): Promise<void> {
    if (this.#client.isOpen) this.#client.destroy();
    return Promise.resolve();
  }

  async #eval(script: string, key: string, ...args: string[]): Promise<unknown> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const limit = setTimeout(() => reject(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE);
    try {
      await Promise.race([this.#ready(), late]);
      const answer = this.#client.eval(script, { keys: [PREFIX + key], arguments: args });
      answer.catch(() => {}); // it may reject after the time limit
      return await Promise.race([answer, late]);
    } catch (cause) {
      const why = this.#client.isReady ? describeError(cause) : this.#why;
      throw new WarrenError("unavailable", `Redis at ${this.#where}: ${why}`, { cause });
    } finally {
      clearTimeout(limit);
    }
  }

  /** Waits only for the first connection. */
  #ready(): Promise<void> | undefined {
    if (this.#client.isReady) return;
    // It keeps trying in the background. Calls get the first failure.
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (!this.#connecting) {
      this.#connecting = promise;
      this.#client.once("ready", resolve);
      this.#client.once("error", reject);
      void this.#client.connect().catch(reject);
      promise.catch(() => {});
    }
    return this.#connecting.then(() => {
      if (!this.#client.isReady) throw new Error(this.#why);
    });
  }
}

function connected(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    pingInterval: 10_000,
    // A connection that is silent for this long during a ping is lost.
    socket: {
      connectTimeout: PATIENCE,
      socketTimeout: 30_000,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, RECONNECT_MAX),
    },
  });
}

function valueIn(text: string): string | undefined {
  return text.startsWith("v") ? text.slice(1) : undefined;
}
