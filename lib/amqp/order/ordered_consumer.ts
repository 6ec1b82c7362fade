import { describeError } from "../../base/errors.ts";
import type { FunctionDefinition, Order } from "../../invocation/definition/definition.ts";
import type { Client } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";
import { type ConsumerOptions, type Consuming, type Delivery, keepConsuming } from "../consuming/consumer.ts";
import { declareBeside } from "../topology/declare_beside.ts";
import { membersQueue, partitionQueue, trialQueue } from "../message/names.ts";
import { OrderRouter } from "./order_router.ts";
import { Pace } from "../consuming/pace.ts";
import { Partition } from "./partition.ts";
import { tellLived } from "./trial_queue.ts";
import { unlessAborted, whenAborted } from "../client/unless_aborted.ts";

/** Milliseconds between checks of the other runners, and of partitions without an owner. */
const INTERVAL = 1_000;
/** After this many checks, a runner looks for a partition without an owner although all have their share. */
const SWAP_AFTER = 5;

export interface OrderedConsumerOptions extends ConsumerOptions {
  definition: FunctionDefinition & { readonly order: Order };
}

interface Sharing {
  partitions: number;
  /** The most partitions of this runner. */
  share: number;
  /** Whether no runner has that partition. */
  free(index: number): Promise<boolean>;
}

/**
 * Consumes an ordered function's queue together with other runners: one of them routes its messages into partitions, and
 * each has its share of those. A partition, as the part of the router, is a queue with an exclusive consumer, so that the
 * broker itself says whose it is, and gives it away when its runner dies. How many runners there are is how many consumers
 * the queue of the members has.
 */
export class OrderedConsumer implements Consuming {
  readonly #options: OrderedConsumerOptions;
  readonly #cancelled = new AbortController();
  readonly #partitions = new Map<number, Partition>();
  /** When the queue and each partition may be taken again. One that is lost repeatedly rests for a while. */
  readonly #routing = new Pace();
  readonly #paces = new Map<number, Pace>();
  /**
   * Trials that a lost connection interrupted, by partition. They count as deaths until their runner reports that it
   * lives.
   */
  readonly #interrupted = new Map<number, readonly string[]>();
  /** Partitions that have delivered messages since they were taken. */
  readonly #heard = new Set<number>();
  /** A partition that had no owner at the last check. */
  #nobodys: number | undefined;
  #looks = 0;
  #router: OrderRouter | undefined;
  #loop: Promise<void> | undefined;
  #wake = () => {};

  constructor(options: OrderedConsumerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= keepConsuming(this.#options, this.#cancelled.signal, (client) => this.#share(client));
  }

  async cancel(): Promise<void> {
    this.#cancelled.abort();
    this.#wake();
    for (const partition of this.#partitions.values()) partition.leave();
    await this.#loop;
  }

  async retire(): Promise<void> {
    await this.cancel();
    await Promise.all([...this.#partitions.values()].map(({ ended }) => ended));
  }

  async close(): Promise<void> {
    await this.cancel();
    await Promise.all([...this.#partitions.values()].map((partition) => partition.close()));
  }

  /** Takes part until it is cancelled. */
  async #share(client: Client): Promise<void> {
    const { onState } = this.#options;
    const { signal } = this.#cancelled;
    const over = new AbortController();
    const forget = whenAborted(signal, () => over.abort());
    try {
      await this.#takePart(client, over.signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      forget();
      over.abort();
      await this.#router?.close();
      this.#router = undefined;
      for (const partition of this.#partitions.values()) partition.leave();
    }
    onState?.(false, undefined);
  }

  /** @param over aborts when it no longer takes part */
  async #takePart(client: Client, over: AbortSignal): Promise<void> {
    const { definition, onState, gate } = this.#options;
    const { signal } = this.#cancelled;
    const partitions = await this.#declare(client, over);
    if (gate) await this.#unlessCancelled(gate(client));
    await this.#unlessCancelled(this.#tellLived(client));
    const channel = await this.#unlessCancelled(client.channel());
    channel.onerror = () => {};
    const members = membersQueue(definition.queue.name);
    // Checked first, since the broker logs a refused consumer as an error.
    const consumers = async (queue: string) =>
      (await this.#unlessCancelled(channel.queueDeclare(queue, { passive: true }))).consumerCount;
    try {
      await this.#unlessCancelled(channel.basicConsume(members, { noAck: true }, () => {}));
      onState?.(true, undefined);
      while (!signal.aborted) {
        if (!this.#router?.open && this.#routing.due && await consumers(definition.queue.name) === 0) {
          await this.#takeRouter(client, over);
        }
        const share = Math.ceil(partitions / Math.max(1, await consumers(members)));
        const free = async (index: number) => await consumers(partitionQueue(definition.queue.name, index)) === 0;
        await this.#balance(client, { partitions, share, free });
        if (++this.#looks % SWAP_AFTER === 0) await this.#swap({ partitions, share, free });
        await this.#pause();
      }
    } finally {
      await closeChannel(channel);
    }
  }

  /** A broker that does not answer must not delay a drain. */
  #unlessCancelled<T>(asked: Promise<T>): Promise<T> {
    return unlessAborted(asked, this.#cancelled.signal, () => "cancelled");
  }

  /** Like `#unlessCancelled()`, but releases a result that comes too late. */
  async #taken<T extends { close(): Promise<void> }>(taking: Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await this.#unlessCancelled(taking);
    } catch (error) {
      taking.then((late) => late?.close()).catch(() => {});
      throw error;
    }
  }

  /** Returns the number of partitions. */
  async #declare(client: Client, over: AbortSignal): Promise<number> {
    const { topology, definition, log, onState } = this.#options;
    const onLate = (detail: string) => onState?.(false, detail);
    await declareBeside(client, { topology, definition, log, signal: over, onLate });
    return await this.#unlessCancelled(topology.declareOrder(client, definition, { signal: over, onLate }));
  }

  async #takeRouter(client: Client, over: AbortSignal): Promise<void> {
    const { definition, log } = this.#options;
    // The last one may have ended because a queue is gone.
    if (this.#routing.failing) await this.#declare(client, over);
    this.#routing.begin();
    const router = await this.#taken(OrderRouter.take(client, definition, log));
    this.#router = router;
    void router?.ended.then(() => {
      this.#routing.end();
      this.#wake();
    });
  }

  /** Releases partitions beyond its share, or takes ones without an owner. */
  async #balance(client: Client, { partitions, share, free }: Sharing): Promise<void> {
    const held = [...this.#partitions.values()].filter((partition) => partition.held);
    for (const partition of held.slice(share)) partition.leave();
    let missing = share - held.length;
    const first = Math.floor(Math.random() * partitions);
    for (let step = 0; step < partitions && missing > 0 && !this.#cancelled.signal.aborted; step++) {
      const index = (first + step) % partitions;
      if (this.#partitions.has(index) || !this.#paceOf(index).due) continue;
      if (await free(index) && await this.#take(client, index)) missing--;
    }
  }

  /**
   * A quorum queue has no exclusive consumers: of two runners that take a partition at the same time one waits, and nothing
   * tells it, while another partition is nobody's. Whoever sees that twice gives up one from which nothing came.
   */
  async #swap({ partitions, share, free }: Sharing): Promise<void> {
    const held = [...this.#partitions.values()].filter((partition) => partition.held);
    const silent = held.find(({ index }) => !this.#heard.has(index));
    const before = this.#nobodys;
    this.#nobodys = undefined;
    if (!silent || held.length < share) return;
    for (let index = 0; index < partitions && this.#nobodys === undefined; index++) {
      if (!this.#partitions.has(index) && await free(index)) this.#nobodys = index;
    }
    if (this.#nobodys !== undefined && this.#nobodys === before) silent.leave();
  }

  async #take(client: Client, index: number): Promise<boolean> {
    const { definition, log, onLost } = this.#options;
    const pace = this.#paceOf(index);
    const onInterrupted = (trials: readonly string[]) => {
      this.#interrupted.set(index, [...this.#interrupted.get(index) ?? [], ...trials]);
    };
    const onDelivery = (delivery: Delivery) => {
      this.#heard.add(index);
      this.#options.onDelivery(delivery);
    };
    this.#heard.delete(index);
    const partition = await this.#taken(Partition.take(client, { definition, index, log, onDelivery, onInterrupted }));
    if (!partition) return false;
    pace.begin();
    this.#partitions.set(index, partition);
    void partition.ended.then((reason) => {
      onLost?.(reason);
      if (!partition.left) pace.end();
      if (this.#partitions.get(index) === partition) this.#partitions.delete(index);
      this.#wake();
    });
    if (this.#cancelled.signal.aborted) partition.leave();
    return true;
  }

  async #tellLived(client: Client): Promise<void> {
    const { definition: { queue }, log } = this.#options;
    for (const [index, trials] of [...this.#interrupted]) {
      try {
        await tellLived(client, trialQueue(queue.name, index), trials);
        this.#interrupted.delete(index);
      } catch (error) {
        log.debug(`messages that ran when the connection was lost are under suspicion: ${describeError(error)}`);
      }
    }
  }

  #paceOf(index: number): Pace {
    const pace = this.#paces.get(index) ?? new Pace();
    this.#paces.set(index, pace);
    return pace;
  }

  /** Waits until the next check, or until something ended. */
  async #pause(): Promise<void> {
    if (this.#cancelled.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, INTERVAL);
    await promise;
    clearTimeout(timer);
  }
}
