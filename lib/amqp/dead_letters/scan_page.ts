import type { AMQPConsumer } from "@cloudamqp/amqp-client";

export interface ScanPageOptions {
  /** The prefetch: deliveries that may be unacked. */
  ahead: number;
  /** The delivery tag before its first one: the number of earlier deliveries. */
  after: number;
  /** The highest delivery tag that it may get. */
  most: number;
}

/**
 * One consumer of a scan: so many deliveries ahead, and for each ack one more. How many cannot be changed, so another
 * one follows when most of them are held, or when messages are larger or smaller than thought.
 */
export class ScanPage {
  readonly consumer: AMQPConsumer;
  delivered = 0;
  /** Done, but an ack would cause one delivery too many, so it is acked after the end of the page. */
  readonly late: number[] = [];
  readonly #options: ScanPageOptions;
  #acked = 0;
  #held = 0;

  constructor(consumer: AMQPConsumer, options: ScanPageOptions) {
    this.consumer = consumer;
    this.#options = options;
  }

  hold(tag: number): void {
    if (tag > this.#options.after) this.#held++;
  }

  /** Whether the ack may be sent now. Otherwise it is kept. */
  mayAck(tag: number): boolean {
    const { after, ahead, most } = this.#options;
    if (tag <= after) return true;
    if (after + ahead + this.#acked >= most) {
      this.late.push(tag);
      return false;
    }
    this.#acked++;
    return true;
  }

  /** Whether the broker could deliver if it had messages. */
  get hasRoom(): boolean {
    return this.delivered - this.#acked < this.#options.ahead;
  }

  /** Whether a new page would have more room, or a better prefetch. */
  spent(fitting: number): boolean {
    const { ahead } = this.#options;
    if ((this.#held + this.late.length) * 2 >= ahead) return true;
    return fitting * 2 < ahead || (this.delivered >= ahead * 2 && fitting >= ahead * 2);
  }
}
