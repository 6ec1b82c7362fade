/** Something was awaited and did not come. */
export class TimedOut extends Error {
  override name = "TimedOut";
}

interface Waiter<T> {
  accepts(item: T): boolean;
  resolve(item: T): void;
  reject(error: Error): void;
}

/** What has arrived and was not taken yet. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  readonly #waiters: Waiter<T>[] = [];
  #failure: Error | undefined;

  constructor(readonly what: string) {}

  get size(): number {
    return this.#items.length;
  }

  put(item: T): void {
    const index = this.#waiters.findIndex((waiter) => waiter.accepts(item));
    if (index < 0) this.#items.push(item);
    else this.#waiters.splice(index, 1)[0].resolve(item);
  }

  /** Nothing more will come: what waits now or later rejects with `error`. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }

  /** The first item that `accepts`, taken out; rejects after `timeout` milliseconds. */
  next(timeout: number, accepts: (item: T) => boolean = () => true): Promise<T> {
    const index = this.#items.findIndex(accepts);
    if (index >= 0) return Promise.resolve(this.#items.splice(index, 1)[0]);
    if (this.#failure) return Promise.reject(this.#failure);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter: Waiter<T> = { accepts, resolve, reject };
    this.#waiters.push(waiter);
    const timer = setTimeout(() => {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      reject(new TimedOut(`Waited ${timeout} ms for ${this.what}; ${this.#items.length} others are there`));
    }, timeout);
    return promise.finally(() => clearTimeout(timer));
  }

  /** Everything that is there now, taken out. */
  takeAll(): T[] {
    return this.#items.splice(0);
  }
}
