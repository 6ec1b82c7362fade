import type { AMQPChannel } from "@cloudamqp/amqp-client";

/** What became of a delivery. */
const OPEN = 0;
const DONE = 1;
const SETTLED = 2;

/** So many settled deliveries are kept before they are removed. */
const SPARE = 256;

/**
 * Acknowledges the deliveries of one channel. What is done in one turn of the
 * event loop leaves together: an unbroken run from the oldest on as one
 * `basic.ack` with `multiple`, which costs the broker and the runner a fraction
 * of an ack a message, the rest one by one.
 */
export class Acks {
  readonly #channel: Pick<AMQPChannel, "basicAck" | "closed">;
  /** Delivery tags, ascending. From `#first` on, some are not settled. */
  #tags: number[] = [];
  /** The state of each of these tags. */
  #states: number[] = [];
  #first = 0;
  #outstanding = 0;
  /** Tags that are done and not acked yet, as they came. */
  #done: number[] = [];
  readonly #drained = new Set<() => void>();
  #lost = false;
  #scheduled = false;

  constructor(channel: Pick<AMQPChannel, "basicAck" | "closed">) {
    this.#channel = channel;
  }

  /** The number of unsettled deliveries. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Resolves once every delivery is settled, or cannot be any more. */
  async drained(): Promise<void> {
    if (this.#outstanding > 0 && !this.#lost) await new Promise<void>((resolve) => this.#drained.add(resolve));
  }

  /** The channel is gone, so nothing on it can be settled any more. */
  lose(): void {
    this.#lost = true;
    this.#tags = [];
    this.#states = [];
    this.#done = [];
    this.#first = this.#outstanding = 0;
    this.#tellDrained();
  }

  /** For each of these ascending delivery tags, the last unsettled one up to it, without duplicates. */
  lastOutstanding(tags: readonly number[]): number[] {
    const found = new Set<number>();
    for (const tag of tags) {
      let at = this.#placeOf(tag + 1) - 1;
      while (at >= 0 && this.#states[at] === SETTLED) at--;
      if (at >= 0) found.add(this.#tags[at]);
    }
    return [...found];
  }

  /** Registers a delivery. Must be called for each one, in order. */
  delivered(tag: number): void {
    this.#tags.push(tag);
    this.#states.push(OPEN);
    this.#outstanding++;
  }

  /** The delivery was settled by a nack or a reject. */
  settledOtherwise(tag: number): void {
    const at = this.#placeOf(tag);
    if (this.#tags[at] === tag) this.#settle(at);
    this.#tidy();
  }

  ack(tag: number): void {
    const at = this.#placeOf(tag);
    if (this.#tags[at] !== tag || this.#states[at] !== OPEN) return;
    this.#states[at] = DONE;
    this.#done.push(tag);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Sends the pending acks now. */
  flush(): void {
    this.#scheduled = false;
    if (this.#channel.closed) return; // the broker delivers them again
    let last: number | undefined;
    let at = this.#first;
    for (; at < this.#tags.length && this.#states[at] !== OPEN; at++) {
      if (this.#states[at] === DONE) last = this.#tags[at];
      this.#settle(at);
    }
    this.#first = at;
    if (last !== undefined) this.#send(last, true);
    if (at < this.#tags.length) this.#sendSingly(last ?? 0);
    this.#done.length = 0;
    this.#tidy();
  }

  /** What is done behind one that is not. */
  #sendSingly(after: number): void {
    for (const tag of this.#done) {
      if (tag <= after) continue;
      const at = this.#placeOf(tag);
      // It was settled otherwise meanwhile.
      if (this.#tags[at] !== tag || this.#states[at] !== DONE) continue;
      this.#settle(at);
      this.#send(tag, false);
    }
  }

  #settle(at: number): void {
    if (this.#states[at] === SETTLED) return;
    this.#states[at] = SETTLED;
    this.#outstanding--;
  }

  /** Forgets settled deliveries, many at a time. */
  #tidy(): void {
    if (this.#outstanding === 0) {
      this.#tags.length = this.#states.length = this.#first = 0;
      this.#tellDrained();
    } else if (this.#tags.length > 2 * this.#outstanding + SPARE) {
      const states = this.#states;
      this.#tags = this.#tags.filter((_, at) => states[at] !== SETTLED);
      this.#states = states.filter((state) => state !== SETTLED);
      this.#first = 0;
    }
  }

  /** The place of the tag, or of the next higher one. */
  #placeOf(tag: number): number {
    let [low, high] = [this.#first, this.#tags.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#tags[middle] < tag) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #tellDrained(): void {
    if (this.#outstanding > 0) return;
    for (const resolve of this.#drained) resolve();
    this.#drained.clear();
  }

  /** Ignores a channel that closes first: the broker delivers again. */
  #send(tag: number, multiple: boolean): void {
    this.#channel.basicAck(tag, multiple).catch(() => {});
  }
}
