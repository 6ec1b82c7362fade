import type { Kept, OnceClaim, OnceStore } from "../../lib/invocation/once_store.ts";

interface Entry {
  owner: string | undefined;
  value: string | undefined;
  until: number;
}

/** A store of the test's own, which can be down, and says what was asked of it. */
export class MemoryStore implements OnceStore {
  readonly #entries = new Map<string, Entry>();
  #lastAsked = performance.now();
  /** Claims so far. */
  asked = 0;
  down = false;
  /** So many times `done()` fails. */
  failures = 0;

  /** What is claimed or done now. */
  get keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#live(key));
  }

  /** Nothing was asked for so many milliseconds. */
  quiet(ms: number): boolean {
    return performance.now() - this.#lastAsked > ms;
  }

  // deno-lint-ignore require-await -- what is wrong rejects
  async claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    this.asked++;
    this.#lastAsked = performance.now();
    this.#check();
    const found = this.#live(key);
    if (!found) this.#entries.set(key, { owner, value: undefined, until: Date.now() + lease });
    if (!found) return { kind: "claimed" };
    return found.owner === undefined
      ? { kind: "done", value: found.value }
      : { kind: "held", for: found.until - Date.now() };
  }

  // deno-lint-ignore require-await -- what is wrong rejects
  async done(key: string, _owner: string, value: string | undefined, keep: number): Promise<Kept> {
    this.#check();
    if (this.failures-- > 0) throw new Error("down for a test");
    const found = this.#live(key);
    if (found && found.owner === undefined) return { value: found.value };
    this.#entries.set(key, { owner: undefined, value, until: Date.now() + keep });
    return { value };
  }

  // deno-lint-ignore require-await -- what is wrong rejects
  async release(key: string, owner: string): Promise<void> {
    this.#check();
    if (this.#live(key)?.owner === owner) this.#entries.delete(key);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #live(key: string): Entry | undefined {
    const found = this.#entries.get(key);
    return found && found.until > Date.now() ? found : undefined;
  }

  #check(): void {
    if (this.down) throw new Error("down for a test");
  }
}
