import { Problem } from "../problem.ts";

/** As many streams as a runner keeps open. */
const MOST = 1_000;

/** Counts the streams that are open: each holds a connection, and gets a copy of what happens. */
export class OpenStreams {
  readonly #limit: number;
  #open = 0;

  constructor(limit = MOST) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#open;
  }

  /**
   * Counts one more.
   *
   * @returns what to call once it has ended; more calls change nothing
   * @throws {Problem} 429 if as many are open as may be
   */
  enter(): () => void {
    if (this.#open >= this.#limit) {
      const detail = `${this.#open} streams are open, and this runner keeps no more; close one, or ask another runner`;
      throw new Problem(429, "Too Many Requests", detail, { "retry-after": "5" });
    }
    this.#open++;
    let left = false;
    return () => {
      if (!left) this.#open--;
      left = true;
    };
  }
}
