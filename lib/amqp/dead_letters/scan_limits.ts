import type { AMQPMessage } from "@cloudamqp/amqp-client";

/** The most that a scan may withhold from other consumers: messages, bytes, milliseconds. */
const MAX_HELD = 10_000;
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Brokers close a channel that keeps a delivery for half an hour. */
const MAX_HELD_TIME = 10 * 60_000;

/** The initial prefetch. It is small until the message sizes are known. */
const FIRST_AHEAD = 4;
const MAX_AHEAD = 512;
const MAX_AHEAD_BYTES = 16 * 1024 * 1024;
const GROWTH = 8;

/** The messages that were examined and will be returned. The broker holds them meanwhile. */
export class HeldBack {
  #count = 0;
  #bytes = 0;
  #since: number | undefined;

  add(message: AMQPMessage): void {
    this.#count++;
    this.#bytes += weightOf(message);
    this.#since ??= performance.now();
  }

  get full(): boolean {
    const time = performance.now() - (this.#since ?? Infinity);
    return this.#count >= MAX_HELD || this.#bytes >= MAX_HELD_BYTES || time >= MAX_HELD_TIME;
  }
}

/** Chooses the prefetch from the sizes of earlier messages. */
export class Ahead {
  readonly #most: number;
  #consumers = 0;
  /** Approximate size of the largest recent message, in bytes. */
  #large = 0;

  constructor(most = MAX_AHEAD) {
    this.#most = Math.min(most, MAX_AHEAD);
  }

  seen(message: AMQPMessage): void {
    this.#large = Math.max(weightOf(message), this.#large * 0.99);
  }

  /** The best prefetch now. */
  get fitting(): number {
    const fitting = Math.floor(MAX_AHEAD_BYTES / Math.max(1, this.#large));
    return Math.max(1, Math.min(fitting, this.#most, FIRST_AHEAD * GROWTH ** this.#consumers));
  }

  /** The prefetch of one more consumer. */
  next(): number {
    const { fitting } = this;
    this.#consumers++;
    return fitting;
  }
}

/** Bytes, without what hardly counts. */
function weightOf({ bodySize, properties }: AMQPMessage): number {
  let weight = bodySize + 256;
  for (const value of Object.values(properties.headers ?? {})) if (typeof value === "string") weight += value.length;
  return weight;
}
