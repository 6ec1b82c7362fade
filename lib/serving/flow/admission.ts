import { type Rate, RateLimit } from "./rate_limit.ts";
import { TIMERS, type Timers } from "../../base/time/timers.ts";

export interface AdmissionOptions<T> {
  concurrency: number;
  rate: Rate | undefined;
  /** Whether the item must not start any more. It is then dropped and takes no slot. */
  isOver: (start: T) => boolean;
  /** Called when the rate limit allows another start. */
  onRoom: () => void;
  /** @default TIMERS */
  timers?: Timers;
}

/** Limits concurrency and start rate. Others wait in first-in, first-out order. */
export class Admission<T> {
  readonly #options: AdmissionOptions<T>;
  readonly #timers: Timers;
  #concurrency: number;
  #rate: Rate | undefined;
  #limit: RateLimit | undefined;
  #waiting: T[] = [];
  #running = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: AdmissionOptions<T>) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
    this.#concurrency = options.concurrency;
    this.#rate = options.rate;
    this.#limit = options.rate && new RateLimit(options.rate, this.#timers.now);
  }

  /** Replaces the limits. */
  become(concurrency: number, rate: Rate | undefined): void {
    this.#concurrency = concurrency;
    if (rate?.limit !== this.#rate?.limit || rate?.per !== this.#rate?.per) {
      this.#limit = rate && new RateLimit(rate, this.#timers.now);
    }
    this.#rate = rate;
  }

  /** The number of items that started and have not left. */
  get running(): number {
    return this.#running;
  }

  add(start: T): void {
    this.#waiting.push(start);
  }

  /** Takes the items that may start now, the oldest first. Call `leave()` for each when it is done. */
  take(): T[] {
    this.#stopTimer();
    const starting: T[] = [];
    let taken = 0;
    for (; taken < this.#waiting.length && this.#running < this.#concurrency; taken++) {
      const start = this.#waiting[taken];
      if (this.#options.isOver(start)) continue;
      const wait = this.#limit?.take() ?? 0;
      if (wait > 0) {
        this.#cancelTimer = this.#timers.after(wait, this.#options.onRoom);
        break;
      }
      this.#running++;
      starting.push(start);
    }
    if (taken > 0) this.#waiting.splice(0, taken);
    return starting;
  }

  /** An item that was taken is done. */
  leave(): void {
    this.#running--;
  }

  /** Removes all waiting items without starting them. */
  clear(): T[] {
    this.#stopTimer();
    return this.#waiting.splice(0);
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
