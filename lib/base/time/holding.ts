import { NumberMap } from "../number_map.ts";
import { TIMERS, type Timers } from "./timers.ts";

/** What can be held by one `Holding` at a time. */
export interface Held {
  /** No other item has it. */
  readonly id: number;
  /** When it is overdue, by the clock of the timers. Set while it is held. */
  dueAt: number;
}

export interface HoldingOptions<T> {
  /** How long an item may be held, in milliseconds. */
  patience: number;
  onOverdue: (item: T) => void;
  /** @default TIMERS */
  timers?: Timers;
}

/** Reports items that are held for too long. One timer serves all items. */
export class Holding<T extends Held> {
  readonly #options: HoldingOptions<T>;
  readonly #timers: Timers;
  readonly #items = new NumberMap<T>();
  #cancelTimer: (() => void) | undefined;

  constructor(options: HoldingOptions<T>) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
  }

  add(item: T): void {
    item.dueAt = this.#timers.now() + this.#options.patience;
    this.#items.set(item.id, item);
    this.#cancelTimer ??= this.#timers.after(this.#options.patience, () => this.#check());
  }

  delete(item: T): void {
    this.#items.delete(item.id);
    if (this.#items.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Each item is reported once. */
  #check(): void {
    this.#cancelTimer = undefined;
    const now = this.#timers.now();
    const overdue: T[] = [];
    let next = Infinity;
    for (const item of this.#items.values()) {
      if (item.dueAt <= now) overdue.push(item);
      else next = Math.min(next, item.dueAt);
    }
    for (const item of overdue) this.#items.delete(item.id);
    if (next < Infinity) this.#cancelTimer = this.#timers.after(next - now, () => this.#check());
    for (const item of overdue) this.#options.onOverdue(item);
  }
}
