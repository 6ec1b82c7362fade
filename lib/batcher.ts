/** Collects items until there are enough, or the first one has waited long enough. */
export class Batcher<T> {
  readonly #size: number;
  readonly #wait: number;
  readonly #onBatch: (batch: T[]) => void;
  #items: T[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `wait` is in milliseconds, from the first item on. */
  constructor(size: number, wait: number, onBatch: (batch: T[]) => void) {
    this.#size = size;
    this.#wait = wait;
    this.#onBatch = onBatch;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= this.#size) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#wait);
  }

  /** Hands over what there is. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const items = this.#items;
    this.#items = [];
    if (items.length > 0) this.#onBatch(items);
  }
}
