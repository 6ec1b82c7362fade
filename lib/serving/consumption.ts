import type { Consuming, Delivery } from "../amqp/consuming/consumer.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Logger } from "../base/log.ts";
import type { Surroundings, Ticking } from "./surroundings.ts";

export interface ConsumptionOptions {
  surroundings: Pick<Surroundings, "consumer" | "clock">;
  log: Logger;
  /** What came in one read of the socket, from the queue of that definition. */
  onDeliveries(deliveries: Delivery[], from: FunctionDefinition): void;
  /** A channel is gone, and the deliveries of it that are not settled. */
  onLost(reason: string): void;
  /** The consumer that was started last gets messages. */
  onConsuming(): void;
  /** It gets none, and tries again. */
  onInterrupted(detail: string): void;
}

/** What brings a function its messages: a consumer of its queue, and the clock of its schedule. */
export class Consumption {
  readonly #options: ConsumptionOptions;
  readonly #consumers = new Set<Consuming>();
  readonly #retiring = new Set<Promise<void>>();
  #consumer: Consuming | undefined;
  #quiet: Promise<void> = Promise.resolve();
  #clock: Ticking | undefined;

  constructor(options: ConsumptionOptions) {
    this.#options = options;
  }

  /** Resolves once the broker sends nothing more to the consumers that were stopped or replaced. */
  get quiet(): Promise<void> {
    return this.#quiet;
  }

  /** Consumes that function's queue. A consumer from before goes once its deliveries are settled. */
  start(definition: FunctionDefinition): void {
    this.stop();
    const { surroundings, log, onLost, onConsuming, onInterrupted } = this.#options;
    const consumer = surroundings.consumer({
      definition,
      log,
      onDelivery: this.#gather(definition),
      onLost,
      onState: (consuming, detail) => {
        if (consumer !== this.#consumer) return;
        if (consuming) onConsuming();
        else if (detail !== undefined) onInterrupted(detail);
      },
    });
    this.#consumers.add(consumer);
    this.#consumer = consumer;
    consumer.start();
  }

  /** No new messages. Those that are out can still be settled. */
  stop(): void {
    const consumer = this.#consumer;
    if (!consumer) return;
    this.#consumer = undefined;
    this.#quiet = Promise.all([this.#quiet, consumer.cancel()]).then(() => {});
    const retired: Promise<void> = consumer.retire().finally(() => {
      this.#consumers.delete(consumer);
      this.#retiring.delete(retired);
    });
    this.#retiring.add(retired);
  }

  /** Runs by the schedule of that definition, if it has one, and no more by another. */
  schedule(definition: FunctionDefinition): void {
    void this.stopClock();
    const { schedule } = definition;
    if (!schedule) return;
    this.#clock = this.#options.surroundings.clock({ ...definition, schedule }, this.#options.log);
    this.#clock.start();
  }

  async stopClock(): Promise<void> {
    await this.#clock?.stop();
  }

  /** Closes all channels. What was not settled comes again. */
  async close(): Promise<void> {
    this.stop();
    await Promise.all([this.stopClock(), ...[...this.#consumers].map((consumer) => consumer.close())]);
    await Promise.all(this.#retiring);
  }

  /** What comes in one read of the socket is one group: the client hands over its messages within one turn. */
  #gather(definition: FunctionDefinition): (delivery: Delivery) => void {
    let group: Delivery[] = [];
    const flush = () => {
      const deliveries = group;
      group = [];
      this.#options.onDeliveries(deliveries, definition);
    };
    return (delivery) => {
      if (group.push(delivery) === 1) queueMicrotask(flush);
    };
  }
}
