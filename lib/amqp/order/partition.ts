import type { AMQPMessage } from "@cloudamqp/amqp-client";
import type { FunctionDefinition, Order } from "../../invocation/definition/definition.ts";
import { orderKey, partitionPrefetch } from "../../invocation/definition/order.ts";
import type { Logger } from "../../base/log.ts";
import type { Client } from "../client/client.ts";
import type { Delivery } from "../consuming/consumer.ts";
import { DeadLetterLane } from "./dead_letter_lane.ts";
import { ExclusiveQueue } from "../consuming/exclusive.ts";
import { deliveryCount, toInvocation } from "../message/headers.ts";
import { consumerTag, partitionQueue } from "../message/names.ts";
import { mayEndRunners, TrialQueue } from "./trial_queue.ts";
import { unlessAborted } from "../client/unless_aborted.ts";

export interface PartitionOptions {
  definition: FunctionDefinition & { readonly order: Order };
  index: number;
  log: Logger;
  onDelivery: (delivery: Delivery) => void;
  /** The runner lives, but could not end these trials, since it lost the broker. */
  onInterrupted: (trials: readonly string[]) => void;
}

/** Returns after which a queue's delivery limit is near. By default RabbitMQ 4 has 20. */
const ENDANGERED = 10;

/**
 * One partition that this runner has: of each key, one message is out at a time, and the next one follows when it is
 * settled. The partition is given to others only when nothing of it runs here any more.
 */
export class Partition {
  readonly index: number;
  readonly #options: PartitionOptions;
  /** The messages that wait behind the running one with the same key. */
  readonly #lanes = new Map<string, AMQPMessage[]>();
  readonly #ending = new AbortController();
  readonly #leave = new AbortController();
  readonly #client: Client;
  #trials: Promise<TrialQueue | undefined> | undefined;
  #warned = false;
  #queue: ExclusiveQueue | undefined;
  #dead: DeadLetterLane | undefined;
  #leaving = false;
  #left = false;

  private constructor(client: Client, options: PartitionOptions) {
    this.#client = client;
    this.#options = options;
    this.index = options.index;
  }

  /** Undefined if another runner has it. */
  static async take(client: Client, options: PartitionOptions): Promise<Partition | undefined> {
    const { definition, index, log } = options;
    const partition = new Partition(client, options);
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
    void queue.ended.then(() => partition.#endTrials());
    for (const message of early) partition.#receive(message);
    return partition;
  }

  /** It belongs to this runner and is not being released. */
  get held(): boolean {
    return this.open && !this.#leaving;
  }

  get open(): boolean {
    return this.#queue!.open;
  }

  get ended(): Promise<string> {
    return this.#queue!.ended;
  }

  /** Whether it was released on purpose. */
  get left(): boolean {
    return this.#left;
  }

  /** Starts nothing more, and releases the partition once all running messages are settled. */
  leave(): void {
    this.#leaving = this.#left = true;
    this.#leave.abort();
    if (this.#lanes.size === 0) void this.close();
  }

  /** Releases it now. Unsettled messages are delivered again, to its next owner. */
  async close(): Promise<void> {
    this.#leaving = true;
    this.#leave.abort();
    this.#ending.abort();
    // Must happen before another runner gets the partition, which would read remaining notes as deaths.
    await this.#endTrials();
    await this.#queue!.close();
  }

  async #endTrials(): Promise<void> {
    const opening = this.#trials;
    this.#trials = undefined;
    const trials = await opening;
    const interrupted = await trials?.close() ?? [];
    if (interrupted.length > 0) this.#options.onInterrupted(interrupted);
  }

  #receive(message: AMQPMessage): void {
    const key = this.#keyOf(message);
    if (key === undefined) return;
    const lane = this.#lanes.get(key);
    if (lane) return void lane.push(message);
    // Returns to its place when the channel closes.
    if (this.#leaving) return;
    this.#lanes.set(key, []);
    this.#hand(message, key);
  }

  #hand(message: AMQPMessage, key: string): void {
    const delivery = new PartitionDelivery(message, this, key);
    if (mayEndRunners(message)) void this.#try(delivery, message);
    else this.#options.onDelivery(delivery);
  }

  /** First reads what is known about the message. */
  async #try(delivery: PartitionDelivery, message: AMQPMessage): Promise<void> {
    const { onDelivery } = this.#options;
    if (deliveryCount(message) >= ENDANGERED) this.#warnOfLimit(deliveryCount(message));
    this.#trials ??= TrialQueue.open(this.#client, this.#options);
    try {
      const trials = await unlessAborted(this.#trials, this.#leave.signal, () => "leaving");
      delivery.trial = trials?.of(message);
    } catch {
      return delivery.requeue();
    }
    onDelivery(delivery);
  }

  #warnOfLimit(returns: number): void {
    if (this.#warned) return;
    this.#warned = true;
    const queue = partitionQueue(this.#options.definition.queue.name, this.index);
    const policy = `rabbitmqctl set_policy --apply-to queues NAME '^${queue}$' '{"delivery-limit": -1}'`;
    this.#options.log.warn(
      `a message came back ${returns} times from queue "${queue}": if the queue has a delivery limit, as it has on RabbitMQ 4 ` +
        `where an earlier version declared it, the broker drops the message at its end; to prevent that: ${policy}`,
    );
  }

  /** Undefined for a message without a key: it got here by another key, and is a dead letter now. */
  #keyOf(message: AMQPMessage): string | undefined {
    const { definition } = this.#options;
    try {
      return orderKey(toInvocation(message, definition), definition.order);
    } catch (error) {
      this.#dead!.bury(message, error);
    }
  }

  /** The running message of this key is done. */
  ack(message: AMQPMessage, key: string): void {
    this.#queue!.acks.ack(message.deliveryTag);
    const next = this.#leaving ? undefined : this.#lanes.get(key)?.shift();
    if (next) return this.#hand(next, key);
    this.#settle(key);
  }

  /** Returns it to its place. Only closing the channel does that, so the whole partition is released. */
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
  trial: ReturnType<TrialQueue["of"]> | undefined;
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
    this.trial?.clear();
    this.#partition.ack(this.message, this.#key);
  }

  requeue(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.trial?.end();
    this.#partition.giveBack(this.#key);
  }
}
