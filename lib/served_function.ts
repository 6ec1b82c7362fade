import { Clock } from "./amqp/clock.ts";
import { Consumer, type Consuming, type Delivery } from "./amqp/consumer.ts";
import type { Connection } from "./amqp/connection.ts";
import { malformed, toInvocation } from "./amqp/headers.ts";
import { OrderedConsumer } from "./amqp/ordered_consumer.ts";
import type { Outputs } from "./amqp/outputs.ts";
import type { Settler } from "./amqp/settle.ts";
import type { Topology } from "./amqp/topology.ts";
import { Admission } from "./admission.ts";
import { Batcher } from "./batcher.ts";
import { delay } from "./backoff.ts";
import { type Concluded, Conclusion, type HeldRetry } from "./conclusion.ts";
import { describeError } from "./errors.ts";
import { Generation, type SandboxSurroundings, type Version } from "./generation.ts";
import type { FunctionDefinition } from "./invocation/definition.ts";
import { type Failure, noOutcomes, type Outcome } from "./invocation/outcome.ts";
import type { Content, DeliveredInvocation } from "./invocation/sandbox.ts";
import { KillSwitch, type KillSwitchConfig } from "./kill_switch.ts";
import type { Logger } from "./log.ts";
import { crashLoop, isSuspect, type Suspect, type Suspects } from "./suspects.ts";

/** What every function of a runner shares. */
export interface Surroundings extends SandboxSurroundings {
  connection: Connection;
  outputs: Outputs;
  topology: Topology;
  settler: Settler;
  log: Logger;
  suspects: Suspects;
}

export type ServedState = "starting" | "serving" | "unavailable" | "broken" | "paused" | "draining";

/** A delivery and what its handler gets of it. */
interface Received extends Concluded {
  /** It may be what ends its runners. */
  suspect?: Suspect;
}

/** Milliseconds for what was aborted to go back before its channel closes. */
const RETURN_GRACE = 1_000;
/** How long handlers have, in milliseconds, between the abort of their signal and their end. */
const ABORT_GRACE = 500;

/** One function that is bound to its queue: its consumer, its sandbox, what runs and what waits. */
export class ServedFunction {
  readonly counts = noOutcomes();
  readonly #surroundings: Surroundings;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  /** Aborted by a pause; another one from then on. */
  #paused = new AbortController();
  readonly #conclusion: Conclusion;
  readonly #admission: Admission;
  #batcher: Batcher<Received>;
  #killSwitch: KillSwitch | undefined;
  readonly #drained = new Set<() => void>();
  #generation: Generation;
  #consumer: Consuming;
  #clock: Clock | undefined;
  #state: ServedState = "starting";
  #detail: string | undefined;
  /** What came and is not settled, with its message's id. */
  readonly #open = new Map<Delivery, string | undefined>();
  #aborting = false;
  #mending: Promise<void> | undefined;
  /** What was replaced and is still in use: consumers with deliveries out, generations that run something. */
  readonly #retiring = new Set<Promise<void>>();
  readonly #old = new Set<Generation>();

  constructor(version: Version, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#log = surroundings.log.child({ function: version.definition.name });
    this.#conclusion = new Conclusion(surroundings, this.#log);
    this.#generation = new Generation(version, surroundings, this.#log);
    const { concurrency, rateLimit, killSwitch } = version.definition;
    this.#admission = new Admission(concurrency, rateLimit);
    this.#batcher = this.#collect(version.definition);
    this.#killSwitch = this.#arm(killSwitch);
    this.#consumer = this.#consume(version.definition);
  }

  get definition(): FunctionDefinition {
    return this.#generation.definition;
  }

  get state(): ServedState {
    return this.#state;
  }

  /** Why it is not serving. */
  get detail(): string | undefined {
    return this.#detail;
  }

  /** Whether its module has been loaded, which the first message does unless it is warm. */
  get loaded(): boolean {
    return this.#generation.loaded;
  }

  /** Invocations that run or wait for a free place. */
  get running(): number {
    return this.#open.size;
  }

  /** The ids of their messages, as far as these have one. */
  get messageIds(): string[] {
    return [...this.#open.values()].filter((id) => id !== undefined);
  }

  /** What is wrong with what would be its next message. */
  validate(content: Content): Promise<Failure | undefined> {
    return this.#generation.validate(content);
  }

  start(): void {
    const { isolation, warm } = this.definition;
    if (isolation === "inline") {
      this.#log.warn("runs inline, in the runner's process: no permission, memory or time limit holds it");
    }
    if (warm) void this.#warm();
    this.#consumer.start();
    this.#setClock();
  }

  /** Processes of its own that are there now. */
  get processes(): number {
    return this.#generation.processes;
  }

  /**
   * Puts another version in place: what is in flight finishes on the old one. A
   * version whose module does not load is refused while the old one runs.
   *
   * @throws {Error} the new module's own error; the old version serves on
   */
  async replace(version: Version): Promise<void> {
    const old = this.#generation;
    const next = new Generation(version, this.#surroundings, this.#log);
    if (old.used) {
      try {
        await next.warm();
      } catch (error) {
        await next.close();
        throw error;
      }
    }
    this.#generation = next;
    this.#mending = undefined;
    this.#retireGeneration(old);
    const [was, is] = [old.definition, version.definition];
    const consumed = ({ queue, bindings, prefetch, order }: FunctionDefinition) =>
      JSON.stringify([queue, bindings, prefetch, order]);
    const sameQueue = consumed(was) === consumed(is);
    const { concurrency, rateLimit, killSwitch } = is;
    this.#batcher.flush();
    this.#batcher = this.#collect(is);
    this.#admission.become(concurrency, rateLimit);
    const tripped = this.#killSwitch?.tripped ?? false;
    this.#killSwitch?.reset();
    this.#killSwitch = this.#arm(killSwitch);
    if (!sameQueue || JSON.stringify(was.schedule) !== JSON.stringify(is.schedule)) this.#setClock();
    // Paused by hand stays paused; a new version may mend what tripped the switch.
    if (this.#state === "paused" && !tripped) return;
    if (!sameQueue || tripped || this.#state === "broken") this.resume();
  }

  /** Takes no more messages until `resume()`; what runs goes on, and what waits goes back. */
  async pause(): Promise<void> {
    this.#killSwitch?.reset();
    await this.#pause("paused by hand");
  }

  async #pause(reason: string): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#become("paused", reason);
    // Cancelled first: the broker would send what goes back straight to this consumer.
    await this.#consumer.cancel();
    if (this.#state !== "paused") return;
    this.#giveBackWaiting();
    this.#paused.abort();
    this.#paused = new AbortController();
  }

  /** Takes messages again. */
  resume(): void {
    if (this.#stopped.signal.aborted) return;
    this.#killSwitch?.reset();
    this.#admission.reopen();
    this.#consumeAgain();
  }

  /** No new messages; those that have not started go back. Resolves once nothing runs. */
  async drain(): Promise<void> {
    this.#stopped.abort();
    this.#killSwitch?.reset();
    this.#become("draining", undefined);
    await this.#clock?.stop();
    await this.#consumer.cancel();
    this.#giveBackWaiting();
    await this.#idle();
  }

  /** Ends what still runs; its messages go back untouched. */
  async abort(): Promise<void> {
    this.#aborting = true;
    await Promise.all([this.#generation, ...this.#old].map((generation) => generation.abort(ABORT_GRACE)));
  }

  /** After `drain()`, or instead of it: whatever is not settled comes again. */
  async close(): Promise<void> {
    this.#stopped.abort();
    this.#killSwitch?.reset();
    this.#giveBackWaiting();
    this.#aborting = true;
    await this.#clock?.stop();
    await Promise.all([this.#generation, ...this.#old].map((generation) => generation.close()));
    const limit = new AbortController();
    await Promise.race([this.#idle(), delay(RETURN_GRACE, limit.signal)]);
    limit.abort();
    await this.#consumer.close();
    await Promise.all(this.#retiring);
  }

  /** What has not started goes back to the queue. */
  #giveBackWaiting(): void {
    this.#batcher.flush();
    this.#surroundings.suspects.withdraw(this);
    this.#admission.close();
  }

  /** Resolves once nothing runs. */
  async #idle(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#drained.add(resolve));
  }

  /** Runs by the schedule of this version, if it has one, and no more by another's. */
  #setClock(): void {
    void this.#clock?.stop();
    const { definition } = this;
    const { connection } = this.#surroundings;
    const { schedule } = definition;
    this.#clock = schedule && new Clock({ connection, definition: { ...definition, schedule }, log: this.#log });
    this.#clock?.start();
  }

  /** One by one, unless the function wants batches. */
  #collect({ batch }: FunctionDefinition): Batcher<Received> {
    const { size, wait } = batch ?? { size: 1, wait: 0 };
    return new Batcher(size, wait, (received) => this.#apply(received));
  }

  async #warm(): Promise<void> {
    const generation = this.#generation;
    try {
      await generation.warm();
    } catch (error) {
      if (generation === this.#generation) this.#mending ??= this.#break(describeError(error));
    }
  }

  #consume(definition: FunctionDefinition): Consuming {
    const { connection, topology } = this.#surroundings;
    const options = {
      connection,
      topology,
      log: this.#log,
      onDelivery: (delivery: Delivery) => this.#receive(delivery),
      onState: (consuming: boolean, detail: string | undefined) => {
        if (consumer !== this.#consumer || this.#state === "draining" || this.#state === "paused") return;
        if (consuming && !this.#killSwitch?.probing) this.#log.info(`serving queue "${definition.queue.name}"`);
        if (consuming || detail) this.#become(consuming ? "serving" : "unavailable", detail);
      },
    };
    const { order } = definition;
    const consumer: Consuming = order
      ? new OrderedConsumer({ ...options, definition: { ...definition, order } })
      : new Consumer({ ...options, definition });
    return consumer;
  }

  #consumeAgain(definition = this.definition): void {
    const old = this.#consumer;
    this.#become("starting", undefined);
    this.#consumer = this.#consume(definition);
    this.#consumer.start();
    const retired = this.#retireConsumer(old).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }

  /** The old consumer's channel stays until its deliveries are settled. */
  async #retireConsumer(old: Consuming): Promise<void> {
    await old.cancel();
    while (old.outstanding > 0 && !this.#aborting) await delay(50);
    await old.close();
  }

  #receive(delivery: Delivery): void {
    const invocation = toInvocation(delivery.message, this.definition);
    this.#open.set(delivery, invocation.properties.messageId);
    const received: Received = { delivery, invocation };
    if (!this.#suspects(invocation)) return this.#batcher.add(received);
    const failure = crashLoop(invocation);
    if (failure) return void this.#conclude(received, { kind: "crashed", failure, final: true });
    received.suspect = this.#suspect(received);
    this.#surroundings.suspects.add(received.suspect);
  }

  /** A message of an ordered function keeps its place: no copy of it can be made. */
  #suspects(invocation: DeliveredInvocation): boolean {
    return !this.definition.order && isSuspect(invocation);
  }

  /** Alone, and in no batch with others. */
  #suspect(received: Received): Suspect {
    const { delivery, invocation } = received;
    return {
      owner: this,
      invocation,
      start: () => this.#apply([received]),
      giveBack: () => this.#returnAll([received]),
      setAside: async () => {
        if (delivery.live && !await this.#conclusion.setAside(this.definition, received)) return false;
        this.#finish(received);
        return true;
      },
    };
  }

  #apply(batch: Received[]): void {
    this.#admission.apply({ start: () => void this.#handle(batch), giveBack: () => this.#returnAll(batch) });
  }

  #returnAll(batch: readonly Received[]): void {
    for (const received of batch) void this.#return(received).then(() => this.#finish(received));
  }

  /** Back to the queue; of a suspect as a copy, since the broker counts returns in peace as well. */
  async #return(received: Concluded): Promise<void> {
    if (this.#suspects(received.invocation) && await this.#conclusion.setAside(this.definition, received)) return;
    received.delivery.requeue();
  }

  /** One message, or a batch of them. */
  async #handle(received: readonly Received[]): Promise<void> {
    const generation = this.#generation;
    const live: Received[] = [];
    const late: Received[] = [];
    for (const each of received) (each.delivery.live && !this.#stopped.signal.aborted ? live : late).push(each);
    this.#returnAll(late);
    if (live.length === 0) return this.#admission.leave();
    const outcomes = await this.#invoke(generation, live);
    this.#admission.leave();
    await Promise.all(live.map((each, index) => this.#conclude(each, outcomes[index])));
  }

  async #conclude(received: Received, outcome: Outcome): Promise<void> {
    try {
      const held = await this.#settle(received, outcome);
      if (held) return void this.#runAgain(received, held);
    } catch (error) {
      // Not acked, so not lost: the broker delivers it again when this channel closes.
      this.#log.error(`a delivery could not be settled: ${describeError(error)}`);
    }
    this.#finish(received);
  }

  /** The outcome of each; headers that cannot be read are an outcome too. */
  async #invoke(generation: Generation, received: readonly Received[]): Promise<Outcome[]> {
    const failures = received.map(({ invocation }) => malformed(invocation.headers));
    const fine = received.filter((_, index) => !failures[index]).map(({ invocation }) => invocation);
    const ended = await generation.invoke(fine);
    return failures.map((failure) => failure ? { kind: "undecodable", failure } : ended.shift()!);
  }

  /** Gives the retry that an ordered message waits for here. */
  async #settle(received: Received, ended: Outcome): Promise<HeldRetry | undefined> {
    const { definition } = this;
    const outcome = ended.kind === "completed" ? await this.#conclusion.publish(definition, received, ended) : ended;
    if (outcome.kind === "completed") {
      this.counts.completed++;
      this.#watch(false);
      return void received.delivery.ack();
    }
    if (outcome.kind === "abandoned" || this.#aborting) return void await this.#giveBack(received, outcome);
    this.counts[outcome.kind]++;
    // What is wrong with a message says nothing of what the function depends on.
    if (!["rejected", "undecodable", "invalid"].includes(outcome.kind)) this.#watch(true);
    return await this.#conclusion.fail(definition, received, outcome);
  }

  /** A copy would come back behind those that it is to be before: it keeps its place, and its key waits. */
  async #runAgain({ delivery, invocation }: Received, { delay: wait, attempt }: HeldRetry): Promise<void> {
    await delay(wait, AbortSignal.any([this.#stopped.signal, this.#paused.signal]));
    this.#apply([{ delivery, invocation: { ...invocation, attempt } }]);
  }

  #watch(failed: boolean): void {
    if (this.#stopped.signal.aborted || this.#state === "paused") return;
    this.#killSwitch?.record(failed);
  }

  #arm(config: KillSwitchConfig | undefined): KillSwitch | undefined {
    return config && new KillSwitch(config, {
      trip: (why) => {
        this.#log.error(`paused: ${why}`);
        void this.#pause(why);
      },
      probe: () => {
        this.#log.info("trying one message");
        this.#admission.reopen();
        this.#consumeAgain({ ...this.definition, prefetch: 1 });
      },
      recover: () => {
        this.#log.info("one message went through: taking messages again");
        this.resume();
      },
    });
  }

  /** The handler did not run, through no fault of the message's. */
  async #giveBack(received: Received, outcome: Outcome): Promise<void> {
    // Cancelled first: the broker would send it straight back to this consumer.
    if (!this.#stopped.signal.aborted && outcome.kind === "abandoned") {
      this.#mending ??= this.#break(outcome.reason);
      await this.#consumer.cancel();
    }
    await this.#return(received);
  }

  /** Stops consuming, and tries from time to time whether the module loads after all. */
  async #break(reason: string): Promise<void> {
    const broken = this.#generation;
    this.#become("broken", reason);
    this.#log.error(`the function is broken: ${reason}; its messages stay in the queue`);
    await this.#consumer.cancel();
    if (await broken.untilLoads(this.#stopped.signal, (error) => this.#detail = error)) {
      this.#log.info("the module loads again");
      this.#consumeAgain();
    }
    if (this.#generation === broken) this.#mending = undefined;
  }

  #retireGeneration(generation: Generation): void {
    this.#old.add(generation);
    const retired = generation.retire().finally(() => {
      this.#old.delete(generation);
      this.#retiring.delete(retired);
    });
    this.#retiring.add(retired);
  }

  #finish({ delivery, suspect }: Received): void {
    if (suspect) this.#surroundings.suspects.leave(suspect);
    this.#open.delete(delivery);
    if (this.#open.size > 0) return;
    for (const resolve of this.#drained) resolve();
    this.#drained.clear();
  }

  #become(state: ServedState, detail: string | undefined): void {
    this.#state = state;
    this.#detail = detail;
  }
}
