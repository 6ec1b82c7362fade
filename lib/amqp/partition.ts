import type { AMQPMessage } from "@cloudamqp/amqp-client";
import type { FunctionDefinition, Order } from "../invocation/definition.ts";
import { orderKey, partitionPrefetch } from "../invocation/order.ts";
import type { Logger } from "../log.ts";
import type { Client } from "./client.ts";
import type { Delivery } from "./consumer.ts";
import { DeadLetterLane } from "./dead_letter_lane.ts";
import { ExclusiveQueue } from "./exclusive.ts";
import { toInvocation } from "./headers.ts";
import { consumerTag, partitionQueue } from "./names.ts";

export interface PartitionOptions {
  definition: FunctionDefinition & { readonly order: Order };
  index: number;
  log: Logger;
  onDelivery: (delivery: Delivery) => void;
}

/**
 * One partition that this runner has: of each key, one message is out at a time, and the next one follows when it is
 * settled. The partition is given to others only when nothing of it runs here any more.
 */
export class Partition {
  readonly index: number;
  readonly #options: PartitionOptions;
  /** What waits behind the message of its key that is out. */
  readonly #lanes = new Map<string, AMQPMessage[]>();
  readonly #ending = new AbortController();
  #queue: ExclusiveQueue | undefined;
  #dead: DeadLetterLane | undefined;
  #leaving = false;
  #left = false;

  private constructor(options: PartitionOptions) {
    this.#options = options;
    this.index = options.index;
  }

  /** Undefined where another runner has it. */
  static async take(client: Client, options: PartitionOptions): Promise<Partition | undefined> {
    const { definition, index, log } = options;
    const partition = new Partition(options);
    const early: AMQPMessage[] = [];
    const queue = await ExclusiveQueue.take(client, {
      queue: partitionQueue(definition.queue.name, index),
      prefetch: partitionPrefetch(definition),
      tag: consumerTag(definition),
      confirms: true,
      onMessage: (message) => partition.#queue ? partition.#receive(message) : early.push(message),
    });
    if (!queue) return undefined;
    const { signal } = partition.#ending;
    const dead = partition.#dead = new DeadLetterLane({ from: queue, definition, log, signal });
    queue.channel.onReturn = () => {
      dead.returned();
      void partition.close();
    };
    partition.#queue = queue;
    for (const message of early) partition.#receive(message);
    return partition;
  }

  /** It is this runner's, and not on its way to another. */
  get held(): boolean {
    return this.open && !this.#leaving;
  }

  get open(): boolean {
    return this.#queue!.open;
  }

  get ended(): Promise<string> {
    return this.#queue!.ended;
  }

  /** Whether it was given away on purpose. */
  get left(): boolean {
    return this.#left;
  }

  /** Begins nothing more, and gives the partition away once what is out is settled. */
  leave(): void {
    this.#leaving = this.#left = true;
    if (this.#lanes.size === 0) void this.close();
  }

  /** Gives it away now; whatever is out comes again, to whoever has it then. */
  async close(): Promise<void> {
    this.#leaving = true;
    this.#ending.abort();
    await this.#queue!.close();
  }

  #receive(message: AMQPMessage): void {
    const key = this.#keyOf(message);
    if (key === undefined) return;
    const lane = this.#lanes.get(key);
    if (lane) return void lane.push(message);
    // Goes back to its place when the channel closes.
    if (this.#leaving) return;
    this.#lanes.set(key, []);
    this.#options.onDelivery(new PartitionDelivery(message, this, key));
  }

  /** Undefined for a message that has none: it came here by another key, and is a dead letter now. */
  #keyOf(message: AMQPMessage): string | undefined {
    const { definition } = this.#options;
    try {
      return orderKey(toInvocation(message, definition), definition.order);
    } catch (error) {
      this.#dead!.bury(message, error);
    }
  }

  /** The message of this key is done. */
  ack(message: AMQPMessage, key: string): void {
    this.#queue!.acks.ack(message.deliveryTag);
    const next = this.#leaving ? undefined : this.#lanes.get(key)?.shift();
    if (next) return this.#options.onDelivery(new PartitionDelivery(next, this, key));
    this.#settle(key);
  }

  /** It goes back to its place, which a queue has only for all that is not acked: so the partition goes with it. */
  giveBack(key: string): void {
    this.#leaving = true;
    this.#settle(key);
  }

  #settle(key: string): void {
    this.#lanes.delete(key);
    if (this.#leaving && this.#lanes.size === 0) void this.close();
  }
}

class PartitionDelivery implements Delivery {
  readonly message: AMQPMessage;
  readonly #partition: Partition;
  readonly #key: string;
  #settled = false;

  constructor(message: AMQPMessage, partition: Partition, key: string) {
    this.message = message;
    this.#partition = partition;
    this.#key = key;
  }

  get live(): boolean {
    return !this.#settled && this.#partition.open;
  }

  ack(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#partition.ack(this.message, this.#key);
  }

  requeue(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#partition.giveBack(this.#key);
  }
}
