import type { Message } from "../queue/message.ts";

/** The queue name for direct replies: clients consume from it and put it into `reply-to`. */
export const DIRECT_REPLY_TO = "amq.rabbitmq.reply-to";

/** A consumer of direct replies. */
export interface ReplyConsumer {
  deliverReply(message: Message): void;
}

/** The consumers of direct replies, by names that cannot be guessed. */
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
