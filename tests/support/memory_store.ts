import type { Kept, OnceClaim } from "../../lib/invocation/once_store.ts";
import { MemoryStore as KeptInMemory } from "../../lib/once/memory_store.ts";

/** A store of the test's own, which can be down, and says what was asked of it. */
export class MemoryStore extends KeptInMemory {
  #lastAsked = performance.now();
  /** Claims so far. */
  asked = 0;
  down = false;
  /** So many times `done()` fails. */
  failures = 0;

  /** Nothing was asked for so many milliseconds. */
  quiet(ms: number): boolean {
    return performance.now() - this.#lastAsked > ms;
  }

  // deno-lint-ignore require-await -- what is wrong rejects
  override async claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    this.asked++;
    this.#lastAsked = performance.now();
    this.#check();
    return super.claim(key, owner, lease);
  }

  // deno-lint-ignore require-await -- what is wrong rejects
  override async done(key: string, owner: string, value: string | undefined, keep: number): Promise<Kept> {
    this.#check();
    if (this.failures-- > 0) throw new Error("down for a test");
    return super.done(key, owner, value, keep);
  }

  // deno-lint-ignore require-await -- what is wrong rejects
  override async release(key: string, owner: string): Promise<void> {
    this.#check();
    return super.release(key, owner);
  }

  #check(): void {
    if (this.down) throw new Error("down for a test");
  }
}
