import type { Consumer } from "../queue/consumers.ts";
import type { Entry } from "../queue/entry.ts";
import type { Message } from "../queue/message.ts";
import { shortStringBytes } from "../protocol/writer.ts";
import type { Queue } from "../queue/queue.ts";

/** The parts of the channel that a consumer uses. */
export interface ConsumerChannel {
  ready(): boolean;
  deliver(consumer: ChannelConsumer, entry: Entry, message: Message): void;
  consumerCancelled(consumer: ChannelConsumer): void;
}

export interface ConsumerOptions {
  tag: string;
  noAck: boolean;
  exclusive: boolean;
  priority: number;
  /** 0 means no limit. */
  prefetch: number;
}

/** A consumer, started by `basic.consume`. */
export class ChannelConsumer implements Consumer {
  readonly tag: string;
  /** The tag, encoded as a short string. */
  readonly tagBytes: Uint8Array;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly prefetch: number;
  /** Number of unsettled deliveries. */
  inFlight = 0;
  readonly #channel: ConsumerChannel;

  constructor(channel: ConsumerChannel, queue: Queue, options: ConsumerOptions) {
    this.#channel = channel;
    this.queue = queue;
    this.tag = options.tag;
    this.tagBytes = shortStringBytes(options.tag);
    this.noAck = options.noAck;
    this.exclusive = options.exclusive;
    this.priority = options.priority;
    this.prefetch = options.noAck ? 0 : options.prefetch;
  }

  ready(): boolean {
    return (this.prefetch === 0 || this.inFlight < this.prefetch) && this.#channel.ready();
  }

  deliver(entry: Entry, message: Message): void {
    if (!this.noAck) this.inFlight++;
    this.#channel.deliver(this, entry, message);
  }

  cancelled(): void {
    this.#channel.consumerCancelled(this);
  }
}
