import { describeError } from "../base/errors.ts";
import type { InputSchema } from "../invocation/content/input_schema.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Failure, OutcomeCounts } from "../invocation/outcome.ts";
import type { Content } from "../invocation/sandbox.ts";
import type { Logger } from "../base/log.ts";
import { endsWithin } from "../base/time/within.ts";
import { Consumption } from "./consumption.ts";
import { type Action, FunctionStates, type ServedState } from "./function_states.ts";
import { Generation } from "./generation.ts";
import { KillSwitch } from "./flow/kill_switch.ts";
import { Pauses, type PauseScope } from "./pauses.ts";
import { Pipeline } from "./pipeline.ts";
import { consumesAlike, sameSource, tellLeft } from "./queue_changes.ts";
import type { Surroundings, Version } from "./surroundings.ts";

/** Milliseconds for aborted messages to return before their channel closes. */
const RETURN_GRACE = 1_000;
/** Milliseconds that handlers have after their signal was aborted. */
const ABORT_GRACE = 500;

/**
 * One function that is bound to its queue: what brings its messages (consumption.ts), what becomes of them (pipeline.ts),
 * the versions that run them, and what starts and stops all that (function_states.ts).
 */
export class ServedFunction {
  readonly #surroundings: Surroundings;
  readonly #log: Logger;
  readonly #states: FunctionStates;
  readonly #consumption: Consumption;
  readonly #pipeline: Pipeline;
  /** The newest version, older ones that still run messages, and one that is loading. */
  readonly #generations = new Set<Generation>();
  readonly #stopped = new AbortController();
  #generation: Generation;
  /** It is loading, and will replace the newest. */
  #next: Generation | undefined;
  readonly #pauses = new Pauses();
  #killSwitch: KillSwitch | undefined;
  #trying = new AbortController();
  #returned: Promise<void> = Promise.resolve();

  constructor(version: Version, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#log = surroundings.log.child({ function: version.definition.name });
    this.#states = new FunctionStates((action) => this.#act(action));
    this.#generation = this.#open(version);
    this.#killSwitch = this.#arm();
    this.#consumption = new Consumption({
      surroundings,
      log: this.#log,
      onDeliveries: (deliveries, from) => this.#pipeline.receive(deliveries, from),
      onLost: (reason) => this.#pipeline.lost(reason),
      onConsuming: () => void this.#states.happen("consuming"),
      onInterrupted: (detail) => void this.#states.happen("interrupted", detail),
    });
    this.#pipeline = new Pipeline({
      surroundings,
      log: this.#log,
      generation: this.#generation,
      quiet: () => this.#consumption.quiet,
      killSwitch: () => this.#killSwitch,
      onAbandoned: (generation, reason) => this.#loadFailed(generation, reason),
    });
  }

  /** The definition of the newest version. */
  get definition(): FunctionDefinition {
    return this.#generation.definition;
  }

  get state(): ServedState {
    return this.#states.shown;
  }

  /** Why it is not serving. */
  get detail(): string | undefined {
    return this.#states.detail;
  }

  /** Messages that `dedupe` refused; undefined without it. */
  get duplicates(): number | undefined {
    return this.definition.dedupe === undefined ? undefined : this.#pipeline.duplicates;
  }

  /** How many messages ended in each way. */
  get counts(): OutcomeCounts {
    return this.#pipeline.counts;
  }

  /** The number of invocations that run or wait for a slot. */
  get running(): number {
    return this.#pipeline.size;
  }

  /** The ids of their messages, if they have one. */
  get messageIds(): string[] {
    return this.#pipeline.messageIds;
  }

  /** When the newest message that it received for the first time was published, if it says so. */
  get newest(): Date | undefined {
    return this.#pipeline.newest;
  }

  /** Whether its module has been loaded. The first message loads it unless it is warm. */
  get loaded(): boolean {
    return this.#generation.loaded;
  }

  /** The JSON schema of the newest version's bodies, once its module is loaded. */
  get inputSchema(): InputSchema | undefined {
    return this.#generation.inputSchema;
  }

  /** The number of its processes. */
  get processes(): number {
    return [...this.#generations].reduce((sum, { processes }) => sum + processes, 0);
  }

  /** Somebody follows this message, and may not know that it runs. */
  follow(messageId: string): void {
    this.#pipeline.follow(messageId);
  }

  /** Checks the body of a message before it is published. */
  validate(content: Content): Promise<Failure | undefined> {
    return this.#generation.validate(content);
  }

  start(): void {
    const { isolation, warm } = this.definition;
    if (isolation === "inline") {
      this.#log.warn("runs inline, in the runner's process: no permission, memory or time limit holds it");
    }
    const generation = this.#generation;
    if (warm) generation.warm().catch((error) => this.#loadFailed(generation, describeError(error)));
    this.#states.happen("start");
  }

  /**
   * Puts another version in place: what is in flight finishes on the old one. A version whose module does not load is
   * refused while the old one runs. False where the function was stopped meanwhile.
   *
   * @throws {Error} the new module's own error; the old version serves on
   */
  async replace(version: Version): Promise<boolean> {
    const { used, definition: was } = this.#generation;
    const next = this.#open(version);
    try {
      if (used) await next.warm();
    } catch (error) {
      await next.close();
      if (this.#stopped.signal.aborted) return false;
      throw error;
    }
    this.#next = next;
    const adopted = this.#states.happen(consumesAlike(was, version.definition) ? "replaced" : "moved");
    if (!adopted) await next.close();
    else tellLeft(this.#log, was, version.definition);
    return adopted;
  }

  /**
   * Takes no more messages until that pause ends; what runs goes on, and what has not begun goes back.
   *
   * @param detail who paused it, as in `paused in this runner by ann`
   */
  async pause(scope: PauseScope, detail: string): Promise<void> {
    if (!this.#pauses.has(scope)) this.#log.info(`${detail}: it takes no more messages until it is resumed`);
    this.#pauses.add(scope, detail);
    this.#states.happen("pause", this.#pauses.detail);
    await this.#returned;
  }

  /**
   * An operator resumes it: it takes messages again, also where the kill switch had paused it. Whoever resumes it
   * everywhere ends the pause of this runner, too; whoever resumes it here ends that one alone.
   */
  resume(scope: PauseScope): void {
    this.#pauses.end("here");
    if (scope === "everywhere") this.#pauses.end("everywhere");
    this.#goOn("resumed by an operator");
  }

  /** A pause has ended by itself; false where there was none. */
  pauseEnded(scope: PauseScope): boolean {
    const ended = this.#pauses.end(scope);
    if (ended) this.#goOn("the pause is over");
    return ended;
  }

  #goOn(why: string): void {
    if (this.#pauses.any) return void this.#states.happen("pause", this.#pauses.detail);
    if (this.#states.happen("resume")) this.#log.info(why);
  }

  /** Takes no new messages, and returns those that have not begun. Resolves once nothing runs. */
  async drain(): Promise<void> {
    this.#stopped.abort();
    this.#states.happen("drain");
    await this.#consumption.stopClock();
    await this.#returned;
    await this.#pipeline.empty();
  }

  /** Ends running handlers. Their messages return unchanged. */
  async abort(): Promise<void> {
    this.#pipeline.abort();
    await Promise.all([...this.#generations].map((generation) => generation.abort(ABORT_GRACE)));
  }

  /** Called after `drain()` or instead of it. Unsettled messages are delivered again. */
  async close(): Promise<void> {
    this.#stopped.abort();
    this.#states.happen("drain");
    this.#pipeline.abort();
    await Promise.all([...this.#generations].map((generation) => generation.close()));
    await endsWithin(RETURN_GRACE, this.#pipeline.empty());
    await this.#consumption.close();
  }

  /** Executes an action of the state table. */
  #act(action: Action): void {
    switch (action) {
      case "announce":
        return this.#log.info(`serving queue "${this.definition.queue.name}"`);
      case "consume":
        this.#pipeline.open();
        return this.#consumption.start(this.definition);
      case "consumeOne":
        this.#pipeline.open();
        return this.#consumption.start({ ...this.definition, prefetch: 1 });
      case "stopConsuming":
        this.#consumption.stop();
        this.#returned = this.#pipeline.close();
        return;
      case "startClock":
        return this.#consumption.schedule(this.definition);
      case "stopClock":
        return void this.#consumption.stopClock();
      case "forgetFailures":
        return this.#killSwitch?.reset();
      case "tryLoading":
        return void this.#tryLoading(this.#trying = new AbortController());
      case "stopTrying":
        return this.#trying.abort();
      case "adopt":
        return this.#adopt();
    }
  }

  #adopt(): void {
    const [old, next] = [this.#generation, this.#next!];
    const [was, is] = [old.definition, next.definition];
    this.#next = undefined;
    this.#generation = next;
    old.retire();
    // Before messages return, since the broker would send them straight to that consumer again.
    if (!sameSource(was, is)) this.#consumption.stop();
    this.#killSwitch?.reset();
    this.#killSwitch = this.#arm();
    this.#pipeline.become(next);
    const sameClock = sameSource(was, is) && JSON.stringify(was.schedule) === JSON.stringify(is.schedule);
    if (!sameClock) this.#consumption.schedule(is);
  }

  #open(version: Version): Generation {
    const { sandbox, timers } = this.#surroundings;
    const generation = new Generation(version.definition, sandbox(version, this.#log), timers);
    this.#generations.add(generation);
    void generation.closed.then(() => this.#generations.delete(generation));
    return generation;
  }

  /** Ignores the failure of a version that was replaced meanwhile. */
  #loadFailed(generation: Generation, reason: string): void {
    if (generation !== this.#generation) return;
    this.#states.happen("loadFailed", reason);
  }

  async #tryLoading({ signal }: AbortController): Promise<void> {
    this.#log.error(`the function is broken: ${this.detail}; its messages stay in the queue`);
    const loads = await this.#generation.untilLoads(signal, (error) => this.#states.happen("loadFailed", error));
    if (!loads) return;
    this.#log.info("the module loads again");
    this.#states.happen("loads");
  }

  #arm(): KillSwitch | undefined {
    const config = this.definition.killSwitch;
    return config && new KillSwitch(config, {
      trip: (why) => {
        this.#log.error(`paused: ${why}`);
        this.#states.happen("trip", why);
      },
      probe: () => {
        this.#log.info("trying one message");
        this.#states.happen("probe", "too many failed; one message is being tried");
      },
      recover: () => {
        this.#log.info("one message went through: taking messages again");
        this.#states.happen("recover");
      },
    }, this.#surroundings.timers);
  }
}
