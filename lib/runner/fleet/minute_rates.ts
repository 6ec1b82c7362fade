import type { OutcomeCounts } from "../../invocation/outcome.ts";

/** Invocations of one function that ended in the last minute. */
export interface MinuteRate {
  readonly ended: number;
  readonly failed: number;
}

interface Sample {
  readonly at: number;
  readonly ended: number;
  readonly failed: number;
}

const MINUTE = 60_000;

/** Counts of the last minute, from totals that are looked at every few seconds: nothing is done for a message. */
export class MinuteRates {
  readonly #now: () => number;
  readonly #spacing: number;
  #samples = new Map<string, Sample[]>();

  /**
   * @param now milliseconds, monotonic. @default performance.now()
   * @param spacing milliseconds between two totals that are kept. @default 2_000
   */
  constructor({ now = () => performance.now(), spacing = 2_000 } = {}) {
    this.#now = now;
    this.#spacing = spacing;
  }

  /** The rates of these functions, by name; what is known of others is forgotten. */
  of(totals: ReadonlyMap<string, OutcomeCounts>): Map<string, MinuteRate> {
    const rates = new Map<string, MinuteRate>();
    const samples = new Map<string, Sample[]>();
    for (const [name, counts] of totals) {
      const ended = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const sample = { at: this.#now(), ended, failed: ended - counts.completed };
      const kept = this.#keep(this.#samples.get(name) ?? [], sample);
      samples.set(name, kept);
      // A function that is new, or was bound anew, counts from zero.
      rates.set(name, { ended: sample.ended - kept[0].ended, failed: sample.failed - kept[0].failed });
    }
    this.#samples = samples;
    return rates;
  }

  #keep(samples: readonly Sample[], now: Sample): Sample[] {
    const last = samples.at(-1);
    if (!last || now.ended < last.ended || now.failed < last.failed) return [{ at: now.at, ended: 0, failed: 0 }];
    // The first one is the newest that is a minute old.
    const kept = samples.filter((_, index) => index + 1 >= samples.length || samples[index + 1].at > now.at - MINUTE);
    return now.at - last.at >= this.#spacing ? [...kept, now] : kept;
  }
}
