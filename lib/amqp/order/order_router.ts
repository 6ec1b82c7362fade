import type { AMQPMessage } from "@cloudamqp/amqp-client";
import type { FunctionDefinition, Order } from "../../invocation/definition/definition.ts";
import { orderKey, partitionOf } from "../../invocation/definition/order.ts";
import type { Logger } from "../../base/log.ts";
import { endsWithin } from "../../base/time/within.ts";
import type { Client } from "../client/client.ts";
import { CopyLane, describeRefusal } from "./copy_lane.ts";
import { bodyOf, DeadLetterLane } from "./dead_letter_lane.ts";
import { ExclusiveQueue } from "../consuming/exclusive.ts";
import { partitionProperties, toInvocation } from "../message/headers.ts";
import { consumerTag, partitionQueue } from "../message/names.ts";

/** The most messages on their way into partitions. */
const PREFETCH = 200;
/** Milliseconds for messages in flight when it closes. */
const GRACE = 3_000;

type OrderedDefinition = FunctionDefinition & { readonly order: Order };

/**
 * Moves the messages of an ordered function's queue into its partitions, in their order: one runner at a time does. What
 * comes and what leaves are on one channel, so that nothing of a router that lost its place is still on its way. Each is
 * acked after its copy was confirmed; a router that dies in between leaves a copy too many, and loses nothing.
 *
 * A partition that is full holds back its own messages; what cannot be copied at all is a dead letter. A partition that
 * is gone ends the router.
 */
export class OrderRouter {
  readonly #definition: OrderedDefinition;
  readonly #log: Logger;
  /** Lanes by their queue. */
  readonly #lanes = new Map<string, CopyLane>();
  readonly #closing = new AbortController();
  #queue: ExclusiveQueue | undefined;
  #dead: DeadLetterLane | undefined;
  #failure: string | undefined;
  /** Queues that were missing when a message came for them. */
  readonly #gone = new Set<string>();

  private constructor(definition: OrderedDefinition, log: Logger) {
    this.#definition = definition;
    this.#log = log;
  }

  /** Undefined if another runner routes. */
  static async take(client: Client, definition: OrderedDefinition, log: Logger): Promise<OrderRouter | undefined> {
    const router = new OrderRouter(definition, log);
    const early: AMQPMessage[] = [];
    const queue = await ExclusiveQueue.take(client, {
      queue: definition.queue.name,
      prefetch: PREFETCH,
      tag: consumerTag(definition),
      confirms: true,
      onMessage: (message) => router.#queue ? router.#route(message) : early.push(message),
    });
    if (!queue) return undefined;
    const { signal } = router.#closing;
    router.#dead = new DeadLetterLane({ from: queue, definition, log, signal });
    queue.channel.onReturn = ({ routingKey, replyText = "" }) => router.#fail(routingKey, replyText);
    router.#queue = queue;
    for (const message of early) router.#route(message);
    return router;
  }

  /** Resolves with the reason once it has stopped routing. */
  get ended(): Promise<string> {
    return this.#queue!.ended;
  }

  get open(): boolean {
    return this.#failure === undefined && this.#queue!.open;
  }

  /** Stops routing, and closes once messages in flight have arrived, or after 3 s. */
  async close(): Promise<void> {
    const arrived = Promise.all([...this.#lanes.values(), this.#dead!].map((lane) => lane.settled()));
    this.#closing.abort();
    await endsWithin(GRACE, Promise.race([arrived, this.#queue!.ended]));
    await this.#queue!.close();
  }

  #route(message: AMQPMessage): void {
    // Unrouted messages return to their place when the channel closes.
    if (this.#closing.signal.aborted || !this.open) return;
    const { order, queue: { name } } = this.#definition;
    try {
      const invocation = toInvocation(message, this.#definition);
      const key = orderKey(invocation, order);
      const partition = partitionOf(key, order.partitions);
      const properties = partitionProperties(message, invocation, partition);
      this.#lane(partitionQueue(name, partition)).add({ message, key, properties });
    } catch (error) {
      this.#dead!.bury(message, error);
    }
  }

  #lane(queue: string): CopyLane {
    const known = this.#lanes.get(queue);
    if (known) return known;
    const { channel, acks } = this.#queue!;
    const lane = new CopyLane({
      publish: async ({ message, properties }) => {
        await channel.basicPublish("", queue, bodyOf(message), properties, true);
      },
      closed: () => channel.closed,
      // A message that no queue took was returned before its confirm.
      onDone: ({ message }) => this.#gone.has(queue) || acks.ack(message.deliveryTag),
      onImpossible: ({ message }, error) => this.#dead!.bury(message, error),
      onRefused: (error) => this.#log.warn(describeRefusal(queue, error)),
      signal: this.#closing.signal,
    });
    this.#lanes.set(queue, lane);
    return lane;
  }

  /** A queue is gone. Copies that other queues have are acked. The rest returns to its place and is routed again. */
  #fail(queue: string, why: string): void {
    this.#gone.add(queue);
    if (queue === this.#dead!.queue) this.#dead!.returned();
    if (this.#failure !== undefined || this.#closing.signal.aborted) return;
    this.#failure = why;
    this.#log.warn(`queue "${queue}" took no message: ${why}; it is declared again`);
    void this.close();
  }
}
