import type { Message } from "../queue/message.ts";

/** What a client consumes from, and names in `reply-to`, to get answers without a queue. */
export const DIRECT_REPLY_TO = "amq.rabbitmq.reply-to";

/** Whoever waits for direct replies. */
export interface ReplyConsumer {
  deliverReply(message: Message): void;
}

/** The names that stand for a consumer of direct replies, which cannot be guessed. */
export class DirectReplies {
  readonly #consumers = new Map<string, ReplyConsumer>();

  /** The name that others publish to. */
  add(consumer: ReplyConsumer): string {
    const name = `${DIRECT_REPLY_TO}.${crypto.randomUUID()}`;
    this.#consumers.set(name, consumer);
    return name;
  }

  remove(name: string): void {
    this.#consumers.delete(name);
  }

  find(name: string): ReplyConsumer | undefined {
    return name.startsWith(DIRECT_REPLY_TO) ? this.#consumers.get(name) : undefined;
  }
}
