import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import type { Ended } from "../../lib/invocation/insight/ended.ts";
import type { OnceStore } from "../../lib/invocation/once_store.ts";
import type { FunctionConfig } from "../../lib/mod.ts";
import { Logger } from "../../lib/base/log.ts";
import { ServedFunction } from "../../lib/serving/served_function.ts";
import type { Version } from "../../lib/serving/surroundings.ts";
import { Suspects } from "../../lib/serving/flow/suspects.ts";
import { FakeBroker } from "./fake_broker.ts";
import { type Behaviour, FakeSandbox, type Run } from "./fake_sandbox.ts";
import { FakeTimers, settled } from "./fake_timers.ts";

export const QUEUE = "orders";
/** Why a test pauses. */
export const BY_HAND = "paused in this runner by hand";

/** A version of a function that consumes QUEUE. */
export function versionOf(version: string, config: FunctionConfig = {}): Version {
  const about = { name: "order", file: "/order.ts", version };
  return {
    definition: resolveFunctionConfig({ queue: QUEUE, ...config }, about),
    sources: new Map(),
    resolution: undefined,
  };
}

/** A served function with a broker, sandboxes, clocks and a time that are all the test's own. */
export class Served {
  readonly timers = new FakeTimers();
  readonly broker = new FakeBroker(this.timers);
  readonly runs: Run[] = [];
  readonly sandboxes: FakeSandbox[] = [];
  readonly clocks: { running: boolean }[] = [];
  readonly lines: { level: string; message: string; [field: string]: unknown }[] = [];
  /** What the observer got; empty unless `observed`. */
  readonly ended: Ended[] = [];
  readonly served: ServedFunction;

  constructor(config: FunctionConfig = {}, readonly behaviour: Behaviour = {}, observed = false, handled?: OnceStore) {
    const { broker } = this;
    const log = new Logger({ level: "debug", write: (line) => void this.lines.push(JSON.parse(line)) });
    this.served = new ServedFunction(versionOf("v1", config), {
      log,
      suspects: new Suspects(0),
      timers: this.timers,
      observer: observed ? { ended: (ended) => void this.ended.push(ended) } : undefined,
      handled,
      settler: broker.settler,
      outputs: {
        publish: ({ definition, invocation, delivery }, { outputs = [] }, onEnd, subject) => {
          if (broker.refusesOutputs) return onEnd(new Error("no such exchange"), subject, []);
          void broker.confirms.then(() => {
            const body = new TextDecoder().decode(invocation.body);
            if (delivery.live && definition.output) broker.published.push(`${definition.output.routingKey}: ${body}`);
            onEnd(undefined, subject, outputs.map(({ routingKey }, index) => `${routingKey}/${index}`));
          });
        },
        refuse: () => Promise.resolve(),
      },
      sandbox: ({ definition }) => {
        const sandbox = new FakeSandbox(definition, this.behaviour, this.runs);
        this.sandboxes.push(sandbox);
        return sandbox;
      },
      consumer: (options) => broker.consumer(options),
      clock: () => {
        const clock = { running: false };
        this.clocks.push(clock);
        return {
          start: () => void (clock.running = true),
          stop: () => Promise.resolve(void (clock.running = false)),
        };
      },
    });
  }

  /** A function that is served already. */
  static async start(config: FunctionConfig = {}, behaviour: Behaviour = {}, observed = false): Promise<Served> {
    const served = new Served(config, behaviour, observed);
    served.served.start();
    await settled();
    return served;
  }

  async publish(...bodies: string[]): Promise<void> {
    this.broker.publish(QUEUE, bodies);
    await settled();
  }

  async replace(version: string, config: FunctionConfig = {}): Promise<boolean> {
    const replaced = await this.served.replace(versionOf(version, config));
    await settled();
    return replaced;
  }

  /** All runs so far, as `v1: a`. */
  get ran(): string[] {
    return this.runs.map(({ text }) => text);
  }

  /** The run of that message that has not ended. */
  run(body: string): Run {
    const run = this.runs.find((run) => !run.ended && run.bodies.includes(body));
    if (!run) throw new Error(`"${body}" does not run; these ran: ${this.ran.join(", ")}`);
    return run;
  }

  /** Lines of the log with that text in them. */
  said(text: string): number {
    return this.lines.filter(({ message }) => message.includes(text)).length;
  }

  /** Ends it, and what it left behind. */
  async close(): Promise<void> {
    await this.served.close();
    await settled();
  }
}
