import type { AMQPConsumer } from "@cloudamqp/amqp-client";

export interface ScanPageOptions {
  /** Deliveries that may be out and not acked. */
  ahead: number;
  /** The delivery tag before its first one: as many as there were before it. */
  after: number;
  /** No delivery may have a higher tag. */
  most: number;
}

/**
 * One consumer of a scan: so many deliveries ahead, and for each ack one more. How many cannot be changed, so another
 * one follows when most of them are held, or when messages are larger or smaller than thought.
 */
export class ScanPage {
  readonly consumer: AMQPConsumer;
  delivered = 0;
  /** Done, but an ack would bring one delivery too many: to be acked after its end. */
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

  /** Whether the ack may be sent now; else it is kept. */
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

  /** Whether the broker could deliver, if it had something. */
  get hasRoom(): boolean {
    return this.delivered - this.#acked < this.#options.ahead;
  }

  /** Whether another one would bring more, or more suitably many. */
  spent(fitting: number): boolean {
    const { ahead } = this.#options;
    if ((this.#held + this.late.length) * 2 >= ahead) return true;
    return fitting * 2 < ahead || (this.delivered >= ahead * 2 && fitting >= ahead * 2);
  }
}
