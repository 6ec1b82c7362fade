import { Backoff } from "../../base/time/backoff.ts";

export interface PaceOptions {
  /** Milliseconds. Something that lasted this long has not failed. @default 10_000 */
  steady?: number;
  backoff?: Backoff;
  /** Monotonic time in milliseconds. @default performance.now */
  now?: () => number;
}

/** Decides when something that ended may begin again: at once at first, then after growing delays, until it lasts. */
export class Pace {
  readonly #steady: number;
  readonly #backoff: Backoff;
  readonly #now: () => number;
  #begun = 0;
  #notBefore = 0;
  #short = 0;

  constructor(options: PaceOptions = {}) {
    this.#steady = options.steady ?? 10_000;
    this.#backoff = options.backoff ?? new Backoff({ initial: 500, max: 15_000 });
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether it may begin now. */
  get due(): boolean {
    return this.#now() >= this.#notBefore;
  }

  /** Whether its last run ended soon after it began. */
  get failing(): boolean {
    return this.#short > 0;
  }

  begin(): void {
    this.#begun = this.#now();
  }

  end(): void {
    if (this.#now() - this.#begun > this.#steady) {
      this.#short = 0;
      this.#backoff.reset();
    } else if (this.#short++ > 0) {
      this.#notBefore = this.#now() + this.#backoff.next();
    }
  }
}
