/** Buckets for each doubling: a quantile is off by less than a tenth. */
const PER_DOUBLING = 4;
/** The last one has all that took longer than about 18 hours. */
const BUCKETS = 26 * PER_DOUBLING;

/** How long things took, as counts in buckets that grow with the duration; of fixed size, however many there are. */
export class DurationCounts {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** @param ms milliseconds */
  add(ms: number): void {
    this.#counts[bucketOf(ms)]++;
    this.#total++;
  }

  /** Milliseconds within which that share of them was done; undefined where there are none. */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.ceil(share * this.#total);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket];
      if (left <= 0) return middleOf(bucket);
    }
    return middleOf(BUCKETS - 1);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

/** Less than a millisecond is in the first. */
function bucketOf(ms: number): number {
  if (!(ms >= 1)) return 0;
  return Math.min(BUCKETS - 1, 1 + Math.floor(Math.log2(ms) * PER_DOUBLING));
}

function middleOf(bucket: number): number {
  if (bucket === 0) return 0;
  return Math.round(100 * 2 ** ((bucket - 0.5) / PER_DOUBLING)) / 100;
}
