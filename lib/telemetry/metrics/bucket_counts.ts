/** A histogram as plain numbers. Adding to it allocates nothing. */
export class BucketCounts {
  readonly #bounds: readonly number[];
  /** One more than there are bounds: the last one has all that is larger. */
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds upper bounds, rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array(bounds.length + 1).fill(0);
  }

  /** The sum of all values. */
  get sum(): number {
    return this.#sum;
  }

  /** Values are added to the first bucket whose bound they do not exceed. Negative ones count as 0. */
  add(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.#counts[bucket]++;
    if (value > 0) this.#sum += value;
  }

  /** For each bound the number of values up to it, and at the end the number of all. */
  cumulative(): number[] {
    let total = 0;
    return this.#counts.map((count) => total += count);
  }
}
