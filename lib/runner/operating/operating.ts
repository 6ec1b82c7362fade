import { DepthGauge, type Watched } from "../../amqp/depth/depth_gauge.ts";
import type { HeldBack } from "../../amqp/depth/held_back.ts";
import { ManagementApi } from "../../amqp/depth/management_api.ts";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { managementOptions } from "../../settings/config.ts";
import type { Options } from "../../settings/options.ts";
import type { FunctionRegistry } from "../function_registry.ts";
import { definitionOf } from "../function_view.ts";
import type { RunnerBroker } from "../runner_broker.ts";
import { Depths } from "./depths.ts";
import { type OtherRunners, together } from "./other_runners.ts";
import { OrphanWatch } from "./orphans.ts";
import { WaitingMessages } from "./waiting_messages.ts";

export interface OperatingOptions {
  options: Pick<Options, "managementUrl" | "amqpUrl" | "vhost">;
  functions: Pick<FunctionRegistry, "entries">;
  broker: Pick<RunnerBroker, "lend">;
  /** What this runner holds back of a queue, by delay. */
  heldBack: Pick<HeldBack, "counts">;
  /** What the other runners have. */
  others: Pick<OtherRunners, "look">;
  log: Logger;
  /** Is called with the depths of all functions, after they were measured. */
  onMeasured?: (depths: readonly Depth[]) => void;
}

/** What operators see of the queues and do with them. Nothing of it works while nobody asks. */
export class Operating {
  readonly depths: Depths;
  readonly orphans: OrphanWatch;
  readonly waiting: WaitingMessages;
  readonly #options: OperatingOptions;
  /** Each reason is logged once until it changes. */
  #told = "";

  constructor(options: OperatingOptions) {
    this.#options = options;
    const lend = () => options.broker.lend();
    const functions = () => this.#definitions();
    const settings = managementOptions(options.options);
    const management = settings && new ManagementApi(settings);
    const gauge = new DepthGauge({ management, onManagementError: (error) => this.#tell(describeError(error)) });
    const { onMeasured } = options;
    const onFailure = (reason: string) => this.#tell(`queues cannot be counted: ${reason}`);
    this.depths = new Depths({ gauge, lend, functions: () => this.#watched(), onFailure, onMeasured });
    this.orphans = new OrphanWatch({ lend, functions, management });
    this.waiting = new WaitingMessages({ lend, functions });
  }

  /** Of functions that have a queue, served or not: messages may wait for one that is disabled. */
  #definitions(): FunctionDefinition[] {
    return [...this.#options.functions.entries()].flatMap(([, entry]) => definitionOf(entry) ?? []);
  }

  #watched(): Watched[] {
    const { functions, heldBack, others } = this.#options;
    const have = others.look();
    return [...functions.entries()].flatMap(([name, entry]) => {
      const definition = definitionOf(entry);
      if (!definition) return [];
      const { served } = entry;
      const { queue } = definition;
      const own = {
        running: served?.running ?? 0,
        newest: served?.newest?.getTime(),
        heldBack: heldBack.counts(queue.name),
      };
      return { definition, ...together(own, have(name, queue.name)) };
    });
  }

  #tell(reason: string): void {
    if (reason !== this.#told) this.#options.log.warn(reason);
    this.#told = reason;
  }
}
