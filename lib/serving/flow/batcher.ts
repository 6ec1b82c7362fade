import { TIMERS, type Timers } from "../../base/time/timers.ts";

export interface BatcherOptions<T> {
  /** Number of items in a full batch. */
  size: number;
  /** Milliseconds that the first item of a batch waits for others. */
  wait: number;
  /** Called when the first item has waited long enough, so the batch goes without being full. */
  onDue: (batch: T[]) => void;
  /** @default TIMERS */
  timers?: Timers;
}

/** Collects items until the batch is full or the first item has waited long enough. */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  readonly #timers: Timers;
  #items: T[] = [];
  #cancelTimer: (() => void) | undefined;

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
  }

  /** Adds an item. Returns the batch if it is now full. */
  add(item: T): T[] | undefined {
    this.#items.push(item);
    const { size, wait, onDue } = this.#options;
    if (this.#items.length >= size) return this.clear();
    this.#cancelTimer ??= this.#timers.after(wait, () => onDue(this.clear()));
  }

  /** Takes the current items. */
  clear(): T[] {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const items = this.#items;
    this.#items = [];
    return items;
  }
}
