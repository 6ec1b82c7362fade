import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import { Acks } from "./acks.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

export interface ExclusiveOptions {
  queue: string;
  prefetch: number;
  tag: string;
  /** Whether publishes on its channel are confirmed. @default false */
  confirms?: boolean;
  onMessage: (message: AMQPMessage) => void;
}

/** A queue with an exclusive consumer. Closing the channel makes it available to others. */
export class ExclusiveQueue {
  readonly channel: AMQPChannel;
  readonly acks: Acks;
  /** Resolves with the reason once the queue is lost. */
  readonly ended: Promise<string>;
  readonly #end: (reason: string) => void;

  private constructor(channel: AMQPChannel) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.channel = channel;
    this.acks = new Acks(channel);
    this.ended = promise;
    this.#end = resolve;
  }

  /** Undefined if another consumer has the queue. Rejects for every other error. */
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
          // An exception in the client's callback would be uncaught, and end the process.
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

  /** A broker that cancels the consumer may leave the channel open, but takes back all deliveries. */
  async #whenOver(consumer: Promise<unknown>): Promise<void> {
    const reason = await consumer.then(() => "the consumer ended", describeError);
    this.acks.flush();
    await closeChannel(this.channel);
    this.#end(reason);
  }

  /** Releases the queue and all unacked deliveries. Resolves once the broker has the acks. */
  async close(): Promise<void> {
    this.acks.flush();
    await closeChannel(this.channel);
    this.#end("closed");
  }
}

/** Another consumer has it. A missing permission is another error, whose text may contain a queue named "exclusive". */
function isTaken(error: unknown): boolean {
  return replyCode(error) === 403 && /exclusive/i.test(describeError(error).replace(/'[^']*'/g, ""));
}
