import type { Kept, OnceClaim, OnceStore } from "../invocation/once_store.ts";

interface Entry {
  /** Undefined once the value is stored. */
  owner: string | undefined;
  value: string | undefined;
  /** Milliseconds since 1970. */
  until: number;
}

/** Keeps the keys of `context.once()` in memory, for tests and for runs without a broker. */
export class MemoryStore implements OnceStore {
  readonly #entries = new Map<string, Entry>();

  /** The keys that are claimed or done, in the order in which they were first claimed. */
  get keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#live(key));
  }

  claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    const found = this.#live(key);
    if (found?.owner === undefined && found) return Promise.resolve({ kind: "done", value: found.value });
    if (found) return Promise.resolve({ kind: "held", for: found.until - Date.now() });
    this.#entries.set(key, { owner, value: undefined, until: Date.now() + lease });
    return Promise.resolve({ kind: "claimed" });
  }

  done(key: string, _owner: string, value: string | undefined, keep: number): Promise<Kept> {
    const found = this.#live(key);
    if (found && found.owner === undefined) return Promise.resolve({ value: found.value });
    this.#entries.set(key, { owner: undefined, value, until: Date.now() + keep });
    return Promise.resolve({ value });
  }

  release(key: string, owner: string): Promise<void> {
    if (this.#live(key)?.owner === owner) this.#entries.delete(key);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #live(key: string): Entry | undefined {
    const found = this.#entries.get(key);
    return found && found.until > Date.now() ? found : undefined;
  }
}
