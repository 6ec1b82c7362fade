import { TIMERS, type Timers } from "./timers.ts";

export interface HoldingOptions<T> {
  /** How long an item may be held, in milliseconds. */
  patience: number;
  onOverdue: (item: T) => void;
  /** @default TIMERS */
  timers?: Timers;
}

/** Reports items that are held for too long. One timer serves all items. */
export class Holding<T> {
  readonly #options: HoldingOptions<T>;
  readonly #timers: Timers;
  /** The deadline of each item, the oldest first. */
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

  /** Each item is reported once. */
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
