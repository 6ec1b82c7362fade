/** Messages that are not measured, while everything warms up. */
export const WARM_UP = 5_000;

/** Prints the rate, in messages a second, from the end of the warm-up to the last message, and ends the process. */
export class Meter {
  readonly #total: number;
  readonly #runs: number;
  #seen = 0;
  #from = 0;

  /** @param runs How often each message is counted */
  constructor(total: number, runs = 1) {
    this.#total = total;
    this.#runs = runs;
  }

  count(): void {
    this.#seen++;
    if (this.#seen === WARM_UP * this.#runs) this.#from = performance.now();
    if (this.#seen < this.#total * this.#runs) return;
    console.log((this.#total - WARM_UP) / (performance.now() - this.#from) * 1000);
    Deno.exit(0);
  }
}
