import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { delay } from "../backoff.ts";
import { describeError } from "../errors.ts";
import type { FunctionDefinition, Order } from "../invocation/definition.ts";
import { orderKey, partitionOf } from "../invocation/order.ts";
import type { Logger } from "../log.ts";
import type { Client } from "./client.ts";
import { ExclusiveQueue } from "./exclusive.ts";
import { partitionProperties, toInvocation } from "./headers.ts";
import { consumerTag, partitionQueue } from "./names.ts";

/** Messages on their way into partitions. */
const PREFETCH = 200;

/**
 * Moves the messages of an ordered function's queue into its partitions, in their order: one runner at a time does. What
 * comes and what leaves are on one channel, so that nothing of a router that lost its place is still on its way. Each is
 * acked after its copy was confirmed; a router that dies in between leaves a copy too many, and loses nothing.
 */
export class OrderRouter {
  readonly #definition: FunctionDefinition & { readonly order: Order };
  readonly #log: Logger;
  #queue: ExclusiveQueue | undefined;
  readonly #underway = new Set<Promise<void>>();
  #failed = false;
  #closing = false;

  private constructor(definition: FunctionDefinition & { readonly order: Order }, log: Logger) {
    this.#definition = definition;
    this.#log = log;
  }

  /** Undefined where another runner routes. */
  static async take(
    client: Client,
    definition: FunctionDefinition & { readonly order: Order },
    log: Logger,
  ): Promise<OrderRouter | undefined> {
    const router = new OrderRouter(definition, log);
    const early: AMQPMessage[] = [];
    const queue = await ExclusiveQueue.take(client, {
      queue: definition.queue.name,
      prefetch: PREFETCH,
      tag: consumerTag(definition),
      confirms: true,
      onMessage: (message) => router.#queue ? router.#begin(message) : early.push(message),
    });
    if (!queue) return undefined;
    queue.channel.onReturn = ({ routingKey, replyText }) => router.#fail(`queue "${routingKey}": ${replyText}`);
    router.#queue = queue;
    for (const message of early) router.#begin(message);
    return router;
  }

  get ended(): Promise<string> {
    return this.#queue!.ended;
  }

  get open(): boolean {
    return !this.#failed && this.#queue!.open;
  }

  /** Routes nothing more, and closes once what is on its way has arrived, or after 3 s. */
  async close(): Promise<void> {
    this.#closing = true;
    const limit = new AbortController();
    const arrived = Promise.allSettled(this.#underway);
    await Promise.race([arrived, this.#queue!.ended, delay(3000, limit.signal)]).finally(() => limit.abort());
    await this.#queue!.close();
  }

  #begin(message: AMQPMessage): void {
    // What is not routed goes back to its place when the channel closes.
    if (this.#closing || !this.open) return;
    const routed = this.#route(message).finally(() => this.#underway.delete(routed));
    this.#underway.add(routed);
  }

  async #route(message: AMQPMessage): Promise<void> {
    const { order, queue: { name } } = this.#definition;
    const invocation = toInvocation(message, this.#definition);
    const partition = partitionOf(orderKey(invocation, order), order.partitions);
    const properties = partitionProperties(message, invocation, partition);
    const { channel, acks } = this.#queue!;
    try {
      await channel.basicPublish("", partitionQueue(name, partition), invocation.body, properties, true);
      // A message that no queue took was returned before it was confirmed.
      if (this.open) acks.ack(message.deliveryTag);
    } catch (error) {
      this.#fail(describeError(error));
    }
  }

  /** Everything that is not acked goes back to its place, and is routed again. */
  #fail(why: string): void {
    if (this.#failed) return;
    this.#failed = true;
    if (this.#queue!.open) this.#log.warn(`messages could not be put into their partitions: ${why}; trying again`);
    void this.#queue!.close();
  }
}
