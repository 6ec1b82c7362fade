import type { Entry } from "./entry.ts";
import { AmqpError } from "./protocol/amqp_error.ts";
import type { Queue } from "./queue.ts";

/** A message that was delivered and is not settled yet. */
export interface Delivery<Consumer> {
  entry: Entry;
  queue: Queue;
  /** Absent for `basic.get`. */
  consumer: Consumer | undefined;
}

/** The deliveries of one channel by their delivery tags, in their order. */
export class Unacked<Consumer> {
  #deliveries = new Map<number, Delivery<Consumer>>();
  #lastTag = 0;

  get size(): number {
    return this.#deliveries.size;
  }

  /** The tag for a delivery that needs no ack. */
  nextTag(): number {
    return ++this.#lastTag;
  }

  add(delivery: Delivery<Consumer>): number {
    this.#deliveries.set(++this.#lastTag, delivery);
    return this.#lastTag;
  }

  /**
   * Takes the delivery of a tag, or all up to it; 0 with `multiple` is all.
   *
   * @throws {AmqpError} 406 for a tag that is not there
   */
  take(tag: number, multiple: boolean): [number, Delivery<Consumer>][] {
    if (multiple && tag === 0) return this.takeAll();
    const delivery = this.#deliveries.get(tag);
    // With `multiple`, a tag in between may be settled already.
    if (!delivery && !(multiple && tag <= this.#lastTag && this.#olderThan(tag))) {
      throw new AmqpError("preconditionFailed", `unknown delivery tag ${tag}`);
    }
    if (!multiple) {
      this.#deliveries.delete(tag);
      return [[tag, delivery!]];
    }
    const taken: [number, Delivery<Consumer>][] = [];
    for (const pair of this.#deliveries) {
      if (pair[0] > tag) break;
      taken.push(pair);
    }
    for (const [taking] of taken) this.#deliveries.delete(taking);
    return taken;
  }

  takeAll(): [number, Delivery<Consumer>][] {
    const taken = [...this.#deliveries];
    this.#deliveries.clear();
    return taken;
  }

  /** Puts back what was taken, in the old order. */
  restore(taken: readonly [number, Delivery<Consumer>][]): void {
    this.#deliveries = new Map([...this.#deliveries, ...taken].sort(([a], [b]) => a - b));
  }

  #olderThan(tag: number): boolean {
    for (const [first] of this.#deliveries) return first < tag;
    return false;
  }
}
