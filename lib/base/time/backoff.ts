export interface BackoffOptions {
  /** Delay before the second try, in milliseconds. @default 200 */
  initial?: number;
  /** Upper limit of the delay, in milliseconds. @default 30_000 */
  max?: number;
  /** @default Math.random */
  random?: () => number;
}

/**
 * Delays between retries. The delay doubles with each try, up to `max`, and a random amount of up to half of it is
 * taken off, so that many runners do not retry at the same time.
 */
export class Backoff {
  readonly #initial: number;
  readonly #max: number;
  readonly #random: () => number;
  #tries = 0;

  constructor(options: BackoffOptions = {}) {
    this.#initial = options.initial ?? 200;
    this.#max = options.max ?? 30_000;
    this.#random = options.random ?? Math.random;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const full = Math.min(this.#max, this.#initial * 2 ** this.#tries++);
    return Math.round(full / 2 + this.#random() * full / 2);
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Resolves after `ms` milliseconds, or at once if the signal aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
