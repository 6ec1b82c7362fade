import type { AMQPChannel } from "@cloudamqp/amqp-client";

/**
 * Acknowledges the deliveries of one channel. What is done in one turn of the
 * event loop leaves together: an unbroken run from the oldest on as one
 * `basic.ack` with `multiple`, which costs the broker and the runner a fraction
 * of an ack a message, the rest one by one.
 */
export class Acks {
  readonly #channel: Pick<AMQPChannel, "basicAck" | "closed">;
  /** Delivery tags that are not acked yet, done or not, in ascending order. */
  readonly #outstanding = new Set<number>();
  readonly #done = new Set<number>();
  readonly #drained = new Set<() => void>();
  #lost = false;
  #scheduled = false;

  constructor(channel: Pick<AMQPChannel, "basicAck" | "closed">) {
    this.#channel = channel;
  }

  /** The number of unsettled deliveries. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** Resolves once every delivery is settled, or cannot be any more. */
  async drained(): Promise<void> {
    if (this.#outstanding.size > 0 && !this.#lost) await new Promise<void>((resolve) => this.#drained.add(resolve));
  }

  /** The channel is gone, so nothing on it can be settled any more. */
  lose(): void {
    this.#lost = true;
    this.#outstanding.clear();
    this.#done.clear();
    this.#tellDrained();
  }

  /** For each of these ascending delivery tags, the last unsettled one up to it, without duplicates. */
  lastOutstanding(tags: readonly number[]): number[] {
    const found = new Set<number>();
    const outstanding = [...this.#outstanding];
    for (const tag of tags) {
      const last = outstanding.findLast((other) => other <= tag);
      if (last !== undefined) found.add(last);
    }
    return [...found];
  }

  /** Registers a delivery. Must be called for each one, in order. */
  delivered(tag: number): void {
    this.#outstanding.add(tag);
  }

  /** The delivery was settled by a nack or a reject. */
  settledOtherwise(tag: number): void {
    this.#outstanding.delete(tag);
    this.#tellDrained();
  }

  ack(tag: number): void {
    this.#done.add(tag);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Sends the pending acks now. */
  flush(): void {
    this.#scheduled = false;
    if (this.#channel.closed) return; // the broker delivers them again
    let last: number | undefined;
    for (const tag of this.#outstanding) {
      if (!this.#done.has(tag)) break;
      last = tag;
      this.#outstanding.delete(tag);
      this.#done.delete(tag);
    }
    if (last !== undefined) this.#send(last, true);
    for (const tag of this.#done) {
      this.#outstanding.delete(tag);
      this.#send(tag, false);
    }
    this.#done.clear();
    this.#tellDrained();
  }

  #tellDrained(): void {
    if (this.#outstanding.size > 0) return;
    for (const resolve of this.#drained) resolve();
    this.#drained.clear();
  }

  /** Ignores a channel that closes first: the broker delivers again. */
  #send(tag: number, multiple: boolean): void {
    this.#channel.basicAck(tag, multiple).catch(() => {});
  }
}
