import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import { Acks } from "./acks.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

export interface ExclusiveOptions {
  queue: string;
  prefetch: number;
  tag: string;
  /** Publishes on its channel are confirmed. @default false */
  confirms?: boolean;
  onMessage: (message: AMQPMessage) => void;
}

/** A queue that nobody else consumes as long as this channel is open: closing it gives the queue to somebody else. */
export class ExclusiveQueue {
  readonly channel: AMQPChannel;
  readonly acks: Acks;
  /** Resolves, with the reason, once the queue is not ours any more. */
  readonly ended: Promise<string>;
  readonly #end: (reason: string) => void;

  private constructor(channel: AMQPChannel) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.channel = channel;
    this.acks = new Acks(channel);
    this.ended = promise;
    this.#end = resolve;
  }

  /** Undefined where somebody else has the queue. Rejects with whatever else the broker says. */
  static async take(client: Client, options: ExclusiveOptions): Promise<ExclusiveQueue | undefined> {
    const { queue, prefetch, tag, confirms, onMessage } = options;
    const channel = await client.channel();
    channel.onerror = () => {};
    const taken = new ExclusiveQueue(channel);
    try {
      if (confirms) await channel.confirmSelect();
      await channel.basicQos(prefetch);
      const consumer = await channel.basicConsume(queue, { tag, noAck: false, exclusive: true }, (message) => {
        taken.acks.delivered(message.deliveryTag);
        try {
          onMessage(message);
        } catch (error) {
          // Nobody catches what the client's callback throws: it would end the process.
          taken.#end(`a delivery could not be taken: ${describeError(error)}`);
          void taken.close();
        }
      });
      void taken.#whenOver(consumer.wait());
      return taken;
    } catch (error) {
      if (isTaken(error)) return undefined;
      throw error;
    }
  }

  get open(): boolean {
    return !this.channel.closed;
  }

  /** A broker that ends the consumer may leave the channel open, and takes back what is out: nothing of that is ours. */
  async #whenOver(consumer: Promise<unknown>): Promise<void> {
    const reason = await consumer.then(() => "the consumer ended", describeError);
    this.acks.flush();
    await closeChannel(this.channel);
    this.#end(reason);
  }

  /** Gives the queue away, with all that is not acked; resolves once the broker has the acks. */
  async close(): Promise<void> {
    this.acks.flush();
    await closeChannel(this.channel);
    this.#end("closed");
  }
}

/** Somebody else has it; a user that may not read it is another refusal, of a queue that may be named "exclusive". */
function isTaken(error: unknown): boolean {
  return replyCode(error) === 403 && /exclusive/i.test(describeError(error).replace(/'[^']*'/g, ""));
}
