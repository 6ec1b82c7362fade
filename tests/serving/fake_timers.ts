import type { Timers } from "../../lib/base/time/timers.ts";

/** Time that passes only where a test says so. */
export class FakeTimers implements Timers {
  #now = 0;
  readonly #due = new Set<{ at: number; call: () => void }>();

  readonly now = (): number => this.#now;

  readonly after = (ms: number, call: () => void): () => void => {
    const timer = { at: this.#now + ms, call };
    this.#due.add(timer);
    return () => void this.#due.delete(timer);
  };

  /** How many wait. */
  get waiting(): number {
    return this.#due.size;
  }

  /** Lets so many milliseconds pass: whatever is due is called at its time, and what it leads to has run before the next. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#now = next.at;
      this.#due.delete(next);
      next.call();
      await settled();
    }
    this.#now = until;
  }

  #next(until: number) {
    const due = [...this.#due].filter(({ at }) => at <= until);
    return due.sort((a, b) => a.at - b.at)[0];
  }
}

/** Resolves once nothing is left that only waits for other promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
