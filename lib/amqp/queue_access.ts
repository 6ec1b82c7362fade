import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { WarrenError } from "../base/errors.ts";
import type { Client } from "./client/client.ts";
import { closeChannel } from "./client/close_channel.ts";
import type { Connection } from "./client/connection.ts";
import { countQueue } from "./depth/queue_counts.ts";

/** Looks at queues, and takes messages from them one by one: for tools and tests, not for consuming. */
export class QueueAccess {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Declares a durable queue. One that exists is used as it is. */
  async declare(queue: string): Promise<void> {
    if (await this.count(queue) !== undefined) return;
    await this.#withChannel((channel) => channel.queueDeclare(queue, { durable: true, autoDelete: false }));
  }

  /** How many messages are ready in a queue; undefined where there is no such queue. */
  async count(queue: string): Promise<number | undefined> {
    return (await countQueue(await this.#connection.opened(), queue))?.ready;
  }

  /**
   * Takes the next message from a queue, and waits for one if it is empty.
   *
   * @throws {WarrenError} `unavailable` when the signal aborts first, or the queue is gone
   */
  async take(queue: string, signal: AbortSignal): Promise<AMQPMessage> {
    return await this.#withChannel(async (channel) => {
      const { promise, resolve, reject } = Promise.withResolvers<AMQPMessage>();
      const fail = (why: string) => reject(new WarrenError("unavailable", `no message came from "${queue}": ${why}`));
      const abort = () => fail("the time is over");
      channel.onerror = fail;
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
      try {
        await channel.prefetch(1);
        await channel.basicConsume(queue, { noAck: false }, resolve);
        const message = await promise;
        await channel.basicAck(message.deliveryTag);
        return message;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    });
  }

  async #withChannel<T>(use: (channel: Awaited<ReturnType<Client["channel"]>>) => Promise<T>): Promise<T> {
    const channel = await (await this.#connection.opened()).channel();
    channel.onerror = () => {};
    try {
      return await use(channel);
    } finally {
      await closeChannel(channel);
    }
  }
}
