export interface SamplerOptions {
  /** So many in a second under one name. */
  perName: number;
  /** And so many in a second in all. */
  inAll: number;
}

/** Lets the first few of each second through, and counts the others. */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #taken = new Map<string, number>();
  #second = 0;
  #all = 0;
  #leftOut = 0;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  /** How many were not let through. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** @param time milliseconds since 1970 */
  take(name: string, time: number): boolean {
    const second = Math.floor(time / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#all = 0;
      this.#taken.clear();
    }
    if (this.#all < this.#options.inAll) {
      const taken = this.#taken.get(name) ?? 0;
      if (taken < this.#options.perName) {
        this.#all++;
        this.#taken.set(name, taken + 1);
        return true;
      }
    }
    this.#leftOut++;
    return false;
  }
}
