import { TIMERS, type Timers } from "../../base/time/timers.ts";

export interface BatcherOptions<T> {
  /** Items of a full batch. */
  size: number;
  /** Milliseconds that the first item of a batch waits for others. */
  wait: number;
  /** The first item has waited long enough: there is a batch that is not full. */
  onDue: (batch: T[]) => void;
  /** @default TIMERS */
  timers?: Timers;
}

/** Collects items until there are enough, or the first one has waited long enough. */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  readonly #timers: Timers;
  #items: T[] = [];
  #cancelTimer: (() => void) | undefined;

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
  }

  /** Gives the batch that it completes. */
  add(item: T): T[] | undefined {
    this.#items.push(item);
    const { size, wait, onDue } = this.#options;
    if (this.#items.length >= size) return this.clear();
    this.#cancelTimer ??= this.#timers.after(wait, () => onDue(this.clear()));
  }

  /** Takes what there is. */
  clear(): T[] {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const items = this.#items;
    this.#items = [];
    return items;
  }
}
