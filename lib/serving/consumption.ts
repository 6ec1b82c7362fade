import type { Consuming, Delivery } from "../amqp/consuming/consumer.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Logger } from "../base/log.ts";
import type { Surroundings, Ticking } from "./surroundings.ts";

export interface ConsumptionOptions {
  surroundings: Pick<Surroundings, "consumer" | "clock">;
  log: Logger;
  /** A group of deliveries from one read of the socket, with the definition whose queue they come from. */
  onDeliveries(deliveries: Delivery[], from: FunctionDefinition): void;
  /** A channel is gone, with its unsettled deliveries. */
  onLost(reason: string): void;
  /** The newest consumer gets messages. */
  onConsuming(): void;
  /** It gets none, and tries again. */
  onInterrupted(detail: string): void;
}

/** The sources of a function's messages: a consumer of its queue, and the clock of its schedule. */
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

  /** Resolves once the broker sends nothing more to consumers that were stopped or replaced. */
  get quiet(): Promise<void> {
    return this.#quiet;
  }

  /** Consumes the function's queue. An older consumer closes once its deliveries are settled. */
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

  /** Stops new messages. Delivered ones can still be settled. */
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

  /** Runs the schedule of the definition, if it has one, instead of the previous one. */
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

  /** Closes all channels. Unsettled messages are delivered again. */
  async close(): Promise<void> {
    this.stop();
    await Promise.all([this.stopClock(), ...[...this.#consumers].map((consumer) => consumer.close())]);
    await Promise.all(this.#retiring);
  }

  /** Messages from one read of the socket form one group: the client passes them on within one turn. */
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
