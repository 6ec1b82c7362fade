const EMPTY = -1;
const SMALLEST = 16;
/** Up to this many places are kept when it is empty. */
const KEPT = 1_024;

/**
 * A map for numbers that come and go by the thousand a second, such as ids: open addressing with linear probing.
 *
 * A `Map` does harm there. V8 replaces its table each time that deleted entries have filled it, and the old table points to
 * the new one. Once one of them has become old, it keeps all later ones and their values alive until the next full garbage
 * collection: most of what lives a few milliseconds is then copied twice, and fills the heap.
 */
export class NumberMap<V> {
  #keys: number[] = [];
  #values: (V | undefined)[] = [];
  #mask = 0;
  #size = 0;

  constructor() {
    this.#resize(SMALLEST);
  }

  get size(): number {
    return this.#size;
  }

  get(key: number): V | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : this.#values[at];
  }

  has(key: number): boolean {
    return this.#find(key) >= 0;
  }

  /** @param key A whole number from 0 on */
  set(key: number, value: V): void {
    const at = this.#find(key);
    if (at >= 0) {
      this.#values[at] = value;
      return;
    }
    // At most half of the places are used, so that a search ends soon.
    if (2 * (this.#size + 1) > this.#keys.length) this.#resize(2 * this.#keys.length);
    this.#size++;
    this.#put(key, value);
  }

  /** Returns whether it was there. */
  delete(key: number): boolean {
    let hole = this.#find(key);
    if (hole < 0) return false;
    // Those behind it move up, unless they would come before their own place.
    for (let at = (hole + 1) & this.#mask; this.#keys[at] !== EMPTY; at = (at + 1) & this.#mask) {
      const own = this.#keys[at] & this.#mask;
      if (((at - own) & this.#mask) < ((at - hole) & this.#mask)) continue;
      this.#keys[hole] = this.#keys[at];
      this.#values[hole] = this.#values[at];
      hole = at;
    }
    this.#keys[hole] = EMPTY;
    this.#values[hole] = undefined;
    this.#size--;
    if (this.#size === 0 && this.#keys.length > KEPT) this.#resize(SMALLEST);
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.#resize(SMALLEST);
  }

  /** The keys as they are now, ascending. */
  keys(): number[] {
    return this.#keys.filter((key) => key !== EMPTY).sort((one, other) => one - other);
  }

  /** The values as they are now, by ascending key. */
  values(): V[] {
    return this.keys().map((key) => this.get(key)!);
  }

  /** The place of a key, or -1. A key that is no number is nowhere. */
  #find(key: number): number {
    const keys = this.#keys;
    for (let at = key & this.#mask;; at = (at + 1) & this.#mask) {
      if (keys[at] === EMPTY) return -1;
      if (keys[at] === key) return at;
    }
  }

  #put(key: number, value: V): void {
    let at = key & this.#mask;
    while (this.#keys[at] !== EMPTY) at = (at + 1) & this.#mask;
    this.#keys[at] = key;
    this.#values[at] = value;
  }

  #resize(places: number): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Array<number>(places).fill(EMPTY);
    this.#values = new Array<V | undefined>(places).fill(undefined);
    this.#mask = places - 1;
    if (this.#size === 0) return;
    for (const [at, key] of keys.entries()) if (key !== EMPTY) this.#put(key, values[at]!);
  }
}
