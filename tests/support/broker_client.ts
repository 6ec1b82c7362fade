import { AMQPClient, type AMQPMessage, type AMQPProperties } from "@cloudamqp/amqp-client";
import { eventually } from "./eventually.ts";
import { uniqueName } from "./unique.ts";

/**
 * The test's own connection to the broker. Each step has a channel of its own, so that a refused one
 * spoils no other; the queues that `queue()` named are deleted at the end, with their dead letters.
 */
export class BrokerClient implements AsyncDisposable {
  /** What `workQueue()` declares. */
  static workQueues: "classic" | "quorum" = "classic";
  readonly #client: AMQPClient;
  readonly #queues: string[] = [];
  readonly #declared = new Set<string>();

  private constructor(client: AMQPClient) {
    this.#client = client;
  }

  static async connect(url: string): Promise<BrokerClient> {
    const client = new AMQPClient(url);
    await client.connect();
    return new BrokerClient(client);
  }

  /** A name for a queue of this test; deletes it at the end, and `<name>.dead`. */
  queue(prefix = "test"): string {
    return this.own(uniqueName(prefix));
  }

  /**
   * A name for a function's queue. Where the tests are to have quorum queues, it is there as one: a runner takes what
   * exists as it is.
   */
  async workQueue(prefix: string): Promise<string> {
    const name = this.queue(prefix);
    if (BrokerClient.workQueues === "classic") return name;
    await this.declare(name, true, { "x-queue-type": "quorum" });
    this.#declared.add(name);
    return name;
  }

  /** Deletes a queue of that name at the end, and what Warren makes beside it: dead letters and the count of runners. */
  own(name: string): string {
    this.#queues.push(name, `${name}.dead`, `warren.members.${name}`);
    return name;
  }

  /** What is there as a work queue stays as it is. */
  async declare(name: string, durable = true, args: Record<string, string | number> = {}): Promise<void> {
    if (this.#declared.has(name)) return;
    await this.#step((channel) => channel.queueDeclare(name, { durable }, args));
  }

  async delete(name: string): Promise<void> {
    await this.#step((channel) => channel.queueDelete(name));
  }

  async deleteExchange(name: string): Promise<void> {
    await this.#step((channel) => channel.exchangeDelete(name));
  }

  /** Publishes to the queue, which must be there, and waits until the broker has all of them. */
  async publish(
    queue: string,
    bodies: (string | Uint8Array)[],
    properties: AMQPProperties | ((index: number) => AMQPProperties) = {},
  ): Promise<void> {
    const propertiesOf = typeof properties === "function" ? properties : () => properties;
    await this.count(queue);
    await this.#step(async (channel) => {
      await channel.confirmSelect();
      await Promise.all(
        bodies.map((body, index) => channel.basicPublish("", queue, body, { deliveryMode: 2, ...propertiesOf(index) })),
      );
    });
  }

  /** Publishes to an exchange and waits until the broker has it. */
  async publishTo(exchange: string, routingKey: string, body: string, properties: AMQPProperties = {}): Promise<void> {
    await this.#step(async (channel) => {
      await channel.confirmSelect();
      await channel.basicPublish(exchange, routingKey, body, { deliveryMode: 2, ...properties });
    });
  }

  /** Messages that are ready, and consumers. Fails where there is no such queue. */
  async count(name: string): Promise<{ messages: number; consumers: number }> {
    return await this.#step(async (channel) => {
      const { messageCount, consumerCount } = await channel.queueDeclare(name, { passive: true });
      return { messages: messageCount, consumers: consumerCount };
    });
  }

  /** The next message of the queue, once there is one; it is gone from the queue then. */
  async take(name: string, timeout = 10_000): Promise<AMQPMessage> {
    return await eventually(() => this.#step((channel) => channel.basicGet(name, { noAck: true })), {
      timeout,
      what: `a message in ${name}`,
    });
  }

  /** All messages that are in the queue now; they are gone from it then. */
  async drain(name: string): Promise<AMQPMessage[]> {
    const { messages: count } = await this.count(name);
    const all: AMQPMessage[] = [];
    if (count === 0) return all;
    await this.#step(async (channel) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      await channel.basicConsume(name, { noAck: true }, (message) => {
        if (all.push(message) === count) resolve();
      });
      await promise;
    });
    // More may have come until the channel was closed.
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#queues) await this.delete(name).catch(() => {});
    await this.#client.close().catch(() => {});
  }

  async #step<T>(step: (channel: Awaited<ReturnType<AMQPClient["channel"]>>) => Promise<T>): Promise<T> {
    const channel = await this.#client.channel();
    channel.onerror = () => {};
    try {
      return await step(channel);
    } finally {
      if (!channel.closed) await channel.close().catch(() => {});
    }
  }
}
