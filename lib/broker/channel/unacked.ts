import type { Entry } from "../queue/entry.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import type { Queue } from "../queue/queue.ts";

/** A delivered message that is not settled yet. */
export interface Delivery<Consumer> {
  entry: Entry;
  queue: Queue;
  /** Undefined for `basic.get`. */
  consumer: Consumer | undefined;
}

/** Number of tags per chunk. */
const CHUNK = 256;

/** Deliveries with consecutive tags. */
interface Chunk<Consumer> {
  readonly items: (Delivery<Consumer> | undefined)[];
  count: number;
}

/** How a client settles a delivery. */
export type Verdict = "ack" | "reject" | "requeue";

/** Deliveries with their tags. */
export type Taken<Consumer> = [tag: number, delivery: Delivery<Consumer>][];

/**
 * The unsettled deliveries of one channel, in the order of their delivery tags. They are kept in chunks: a map with
 * millions of entries blocks the process for a third of a second when it grows.
 */
export class Unacked<Consumer> {
  #chunks = new Map<number, Chunk<Consumer>>();
  #size = 0;
  #lastTag = 0;

  get size(): number {
    return this.#size;
  }

  /** The last tag that was assigned. */
  get lastTag(): number {
    return this.#lastTag;
  }

  /** Assigns a tag to a delivery that needs no ack. */
  nextTag(): number {
    return ++this.#lastTag;
  }

  add(delivery: Delivery<Consumer>): number {
    this.#put(++this.#lastTag, delivery);
    return this.#lastTag;
  }

  /**
   * Removes the delivery with a tag, or all up to it, the oldest first and at most `most`. With `multiple`, 0 means
   * all.
   *
   * @throws {AmqpError} 406 for an unknown tag
   */
  take(tag: number, multiple: boolean, most = Infinity): Taken<Consumer> {
    if (multiple && tag === 0) return this.takeUpTo(Infinity, most);
    const delivery = this.#chunks.get(Math.floor(tag / CHUNK))?.items[tag % CHUNK];
    // With `multiple`, tags in between may be settled already.
    if (!delivery && !(multiple && tag <= this.#lastTag && this.#olderThan(tag))) {
      throw new AmqpError("preconditionFailed", `unknown delivery tag ${tag}`);
    }
    if (multiple) return this.takeUpTo(tag, most);
    this.#remove(tag);
    return [[tag, delivery!]];
  }

  takeAll(): Taken<Consumer> {
    return this.takeUpTo(Infinity);
  }

  /** Removes the oldest deliveries up to a tag. */
  takeUpTo(last: number, most = Infinity): Taken<Consumer> {
    const taken: Taken<Consumer> = [];
    for (const [tag, delivery] of this.#all()) {
      if (tag > last || taken.length >= most) break;
      taken.push([tag, delivery]);
    }
    for (const [tag] of taken) this.#remove(tag);
    return taken;
  }

  /** Puts removed deliveries back in their old order. */
  restore(taken: Readonly<Taken<Consumer>>): void {
    for (const [tag, delivery] of taken) this.#put(tag, delivery);
    this.#chunks = new Map([...this.#chunks].sort(([a], [b]) => a - b));
  }

  #put(tag: number, delivery: Delivery<Consumer>): void {
    const number = Math.floor(tag / CHUNK);
    let chunk = this.#chunks.get(number);
    if (!chunk) this.#chunks.set(number, chunk = { items: new Array(CHUNK), count: 0 });
    chunk.items[tag % CHUNK] = delivery;
    chunk.count++;
    this.#size++;
  }

  #remove(tag: number): void {
    const number = Math.floor(tag / CHUNK);
    const chunk = this.#chunks.get(number)!;
    chunk.items[tag % CHUNK] = undefined;
    this.#size--;
    // The last chunk is filled further.
    if (--chunk.count === 0 && number !== Math.floor(this.#lastTag / CHUNK)) this.#chunks.delete(number);
  }

  *#all(): Generator<[number, Delivery<Consumer>]> {
    for (const [number, { items, count }] of this.#chunks) {
      if (count === 0) continue;
      for (let index = 0; index < CHUNK; index++) {
        const delivery = items[index];
        if (delivery) yield [number * CHUNK + index, delivery];
      }
    }
  }

  #olderThan(tag: number): boolean {
    for (const [first] of this.#all()) return first < tag;
    return false;
  }
}
