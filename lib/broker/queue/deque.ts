/** A double-ended queue in a ring buffer. Both ends work in constant time. */
export class Deque<T> {
  #items: (T | undefined)[] = new Array(16);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#resize(this.#length * 2);
    this.#items[(this.#head + this.#length++) & (this.#items.length - 1)] = item;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    // Shrinks, so that a queue that was long once does not keep its memory.
    if (this.#items.length > 1024 && this.#length < this.#items.length / 8) this.#resize(this.#items.length / 2);
    return item;
  }

  clear(): void {
    this.#items = new Array(16);
    this.#head = this.#length = 0;
  }

  #resize(capacity: number): void {
    const items: (T | undefined)[] = new Array(capacity);
    for (let i = 0; i < this.#length; i++) items[i] = this.#items[(this.#head + i) & (this.#items.length - 1)];
    this.#items = items;
    this.#head = 0;
  }
}
