/** So many starts in each span of time, spread no further than that. */
export interface Rate {
  readonly limit: number;
  /** Milliseconds. */
  readonly per: number;
}

/** A token bucket: full at the start, and filled again evenly. */
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

  /** Takes one; gives 0, or the milliseconds until there is one again, and then takes none. */
  take(): number {
    const { limit, per } = this.#rate;
    const now = this.#now();
    this.#tokens = Math.min(limit, this.#tokens + (now - this.#filled) * limit / per);
    this.#filled = now;
    // What floating point lost is no reason to wait.
    if (this.#tokens >= 1 - 1e-9) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - this.#tokens) * per / limit - 1e-6));
  }
}
