import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { WINDOW } from "../publishing/confirms/confirm_channel.ts";
import { deliveryCount } from "../message/headers.ts";

/**
 * Returns after which a message is copied. A quorum queue may have a limit, and deletes a message that was returned more
 * often; nobody can ask a broker what the limit is, but hardly any is lower.
 */
const WORN = 2;
/** Returns after which a failed copy is an error: without a configured limit, RabbitMQ 4 uses 20. */
const ENDANGERED = 10;

export interface ScanRenewalOptions {
  /** Resolves once a copy is at the end of the queue. Without it nothing is copied. */
  copy?(message: AMQPMessage): Promise<void>;
  /** The copy is in the queue. */
  onCopied(message: AMQPMessage): void;
}

/**
 * Keeps looking from counting against messages: what was returned too often is replaced by a copy at the end of the queue,
 * whose returns count anew, and so is everything behind it, which keeps the order. Nothing is lost when this is
 * interrupted; a message may be there twice.
 */
export class ScanRenewal {
  readonly #options: ScanRenewalOptions;
  readonly #underWay = new Set<Promise<void>>();
  #begun = false;
  #failure: unknown;
  #endangered = false;

  constructor(options: ScanRenewalOptions) {
    this.#options = options;
  }

  /** Whether everything that is returned from now on is copied. */
  get begun(): boolean {
    return this.#begun && this.#failure === undefined;
  }

  /** Why messages near the limit were not copied. */
  get failure(): unknown {
    return this.#endangered ? this.#failure : undefined;
  }

  /** Copies a message before its return if necessary. False if it is returned as it is. */
  take(message: AMQPMessage): boolean {
    const { copy } = this.#options;
    if (!copy) return false;
    const count = deliveryCount(message);
    if (count >= WORN) this.#begun = true;
    if (count >= ENDANGERED && this.#failure !== undefined) this.#endangered = true;
    if (!this.begun) return false;
    const copying = this.#copy(message, count, copy).finally(() => this.#underWay.delete(copying));
    this.#underWay.add(copying);
    return true;
  }

  /** Resolves once more may be copied. */
  async room(): Promise<void> {
    if (this.#underWay.size >= WINDOW) await Promise.race(this.#underWay);
  }

  /** Resolves once no copy is in progress. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #copy(
    message: AMQPMessage,
    count: number,
    copy: NonNullable<ScanRenewalOptions["copy"]>,
  ): Promise<void> {
    try {
      await copy(message);
    } catch (error) {
      this.#failure ??= error;
      if (count >= ENDANGERED) this.#endangered = true;
      return;
    }
    this.#options.onCopied(message);
  }
}
