export interface BackoffOptions {
  /** Milliseconds before the second try. @default 200 */
  initial?: number;
  /** No delay is longer. Milliseconds. @default 30_000 */
  max?: number;
  /** @default Math.random */
  random?: () => number;
}

/**
 * Growing delays with jitter between tries at the same thing: each is between
 * half and all of twice the one before, so that many runners spread out.
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

/** Resolves after `ms` milliseconds, or at once when the signal aborts. */
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
