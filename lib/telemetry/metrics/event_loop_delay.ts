import { TIMERS, type Timers } from "../../base/time/timers.ts";
import { METRICS } from "../names.ts";
import { BucketCounts } from "./bucket_counts.ts";

/** Milliseconds between two measurements. */
const INTERVAL = 250;
/** Measuring ends if nobody asked for so many milliseconds. */
const QUIET = 300_000;

/** How late timers are. It measures from the first question on, and only while there are questions. */
export class EventLoopDelay {
  readonly #counts = new BucketCounts(METRICS.eventLoopDelay.buckets);
  readonly #timers: Timers;
  #asked = 0;
  #cancel: (() => void) | undefined;
  /** Gets each value as well, in seconds. */
  sink: ((seconds: number) => void) | undefined;

  constructor(timers: Timers = TIMERS) {
    this.#timers = timers;
  }

  read(): BucketCounts {
    this.#asked = this.#timers.now();
    if (!this.#cancel) this.#measure();
    return this.#counts;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #measure(): void {
    const due = this.#timers.now() + INTERVAL;
    this.#cancel = this.#timers.after(INTERVAL, () => {
      const delay = Math.max(0, this.#timers.now() - due) / 1_000;
      this.#counts.add(delay);
      this.sink?.(delay);
      this.#cancel = undefined;
      if (this.#timers.now() - this.#asked < QUIET) this.#measure();
    });
  }
}
