import { TIMERS, type Timers } from "./timers.ts";

export interface HoldingOptions<T> {
  /** Milliseconds that one may be held. */
  patience: number;
  onOverdue: (item: T) => void;
  /** @default TIMERS */
  timers?: Timers;
}

/** Watches how long items are held, with one timer for all of them. */
export class Holding<T> {
  readonly #options: HoldingOptions<T>;
  readonly #timers: Timers;
  /** Until when each may be held, the oldest first. */
  readonly #deadlines = new Map<T, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(options: HoldingOptions<T>) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
  }

  add(item: T): void {
    this.#deadlines.set(item, this.#timers.now() + this.#options.patience);
    this.#cancelTimer ??= this.#timers.after(this.#options.patience, () => this.#check());
  }

  delete(item: T): void {
    this.#deadlines.delete(item);
    if (this.#deadlines.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Each is overdue once. */
  #check(): void {
    this.#cancelTimer = undefined;
    const now = this.#timers.now();
    for (const [item, deadline] of this.#deadlines) {
      if (deadline > now) {
        this.#cancelTimer = this.#timers.after(deadline - now, () => this.#check());
        return;
      }
      this.#deadlines.delete(item);
      this.#options.onOverdue(item);
    }
  }
}
