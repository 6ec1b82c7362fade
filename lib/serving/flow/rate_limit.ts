/** A number of starts per time span. */
export interface Rate {
  readonly limit: number;
  /** Milliseconds. */
  readonly per: number;
}

/** A token bucket. It is full at the start and refills evenly. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #now: () => number;
  #tokens: number;
  #filled: number;

  /** @param now milliseconds, monotonic */
  constructor(rate: Rate, now: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#now = now;
    this.#tokens = rate.limit;
    this.#filled = now();
  }

  /** Takes a token and returns 0. If there is none, returns the milliseconds until the next one. */
  take(): number {
    const { limit, per } = this.#rate;
    const now = this.#now();
    this.#tokens = Math.min(limit, this.#tokens + (now - this.#filled) * limit / per);
    this.#filled = now;
    // Floating-point error must not cause a wait.
    if (this.#tokens >= 1 - 1e-9) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - this.#tokens) * per / limit - 1e-6));
  }
}
