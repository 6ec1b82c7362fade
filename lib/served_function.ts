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
import { Backoff, delay } from "./backoff.ts";
import { describeError } from "./errors.ts";
import type { FunctionDefinition } from "./invocation/definition.ts";
import { type Disposition, type Failure, noOutcomes, type Outcome } from "./invocation/outcome.ts";
import { decide } from "./invocation/retry_policy.ts";
import { readTrace } from "./invocation/trace_context.ts";
import type { OnceKeeping } from "./once_store.ts";
import type { Content, DeliveredInvocation, Invocation, Sandbox } from "./invocation/sandbox.ts";
import { KillSwitch } from "./kill_switch.ts";
import type { Logger } from "./log.ts";
import { InlineSandbox } from "./sandbox/inline_sandbox.ts";
import type { MemoryWatch } from "./sandbox/memory_watch.ts";
import { ProcessSandbox } from "./sandbox/process_sandbox.ts";
import type { Reaper } from "./sandbox/reaper.ts";
import { crashLoop, isSuspect, type Suspect, type Suspects } from "./suspects.ts";

/** One version of a function: what it is configured as, and the texts of its modules. */
export interface Version {
  readonly definition: FunctionDefinition;
  readonly sources: ReadonlyMap<string, string>;
}

/** What every function of a runner shares. */
export interface Surroundings {
  connection: Connection;
  outputs: Outputs;
  topology: Topology;
  settler: Settler;
  log: Logger;
  /** A folder for the sandboxes' sockets. */
  folder: string;
  /** The `deno.json` whose import map resolves `warren`. */
  configFile: string | undefined;
  memoryWatch: MemoryWatch;
  reaper: Reaper;
  once: OnceKeeping;
  suspects: Suspects;
}

export type ServedState = "starting" | "serving" | "unavailable" | "broken" | "paused" | "draining";

/** A version with the sandbox that runs it. */
interface Generation {
  readonly version: Version;
  readonly sandbox: Sandbox;
  running: number;
  /** It has run something, or was warmed: its process is there. */
  used: boolean;
}

/** A delivery and what its handler gets of it. */
interface Received {
  readonly delivery: Delivery;
  readonly invocation: DeliveredInvocation;
  /** It may be what ends its runners. */
  suspect?: Suspect;
}

type HeldRetry = Disposition & { kind: "retry" };

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
  readonly #admission: Admission;
  #batcher: Batcher<Received>;
  #killSwitch: KillSwitch | undefined;
  /** One message decides whether it goes on. */
  #probing = false;
  #coolDown: ReturnType<typeof setTimeout> | undefined;
  readonly #drained = new Set<() => void>();
  #generation: Generation;
  #consumer: Consuming;
  #clock: Clock | undefined;
  #state: ServedState = "starting";
  #detail: string | undefined;
  #open = 0;
  #aborting = false;
  #mending: Promise<void> | undefined;
  /** Consumers that were replaced and still have deliveries out. */
  readonly #retiring = new Set<Promise<void>>();

  constructor(version: Version, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#log = surroundings.log.child({ function: version.definition.name });
    this.#generation = this.#generate(version);
    const { concurrency, rateLimit, killSwitch } = version.definition;
    this.#admission = new Admission(concurrency, rateLimit);
    this.#batcher = this.#collect(version.definition);
    this.#killSwitch = killSwitch && new KillSwitch(killSwitch);
    this.#consumer = this.#consume(version.definition);
  }

  get definition(): FunctionDefinition {
    return this.#generation.version.definition;
  }

  get state(): ServedState {
    return this.#state;
  }

  /** Why it is not serving. */
  get detail(): string | undefined {
    return this.#detail;
  }

  /** Invocations that run or wait for a free place. */
  get running(): number {
    return this.#open;
  }

  /** What is wrong with what would be its next message. */
  validate(content: Content): Promise<Failure | undefined> {
    return this.#generation.sandbox.validate(content);
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
    return this.#generation.sandbox.processes;
  }

  /**
   * Puts another version in place: what is in flight finishes on the old one. A
   * version whose module does not load is refused while the old one runs.
   *
   * @throws {Error} the new module's own error; the old version serves on
   */
  async replace(version: Version): Promise<void> {
    const old = this.#generation;
    const next = this.#generate(version);
    if (old.used) {
      try {
        await next.sandbox.warm();
        next.used = true;
      } catch (error) {
        await next.sandbox.close();
        throw error;
      }
    }
    this.#generation = next;
    this.#mending = undefined;
    this.#retireWhenIdle(old);
    const [was, is] = [old.version.definition, version.definition];
    const consumed = ({ queue, bindings, prefetch, order }: FunctionDefinition) =>
      JSON.stringify([queue, bindings, prefetch, order]);
    const sameQueue = consumed(was) === consumed(is);
    const { concurrency, rateLimit, killSwitch } = is;
    this.#batcher.flush();
    this.#batcher = this.#collect(is);
    this.#admission.become(concurrency, rateLimit);
    this.#killSwitch = killSwitch && new KillSwitch(killSwitch);
    if (!sameQueue || JSON.stringify(was.schedule) !== JSON.stringify(is.schedule)) this.#setClock();
    // Paused by hand stays paused; a new version may mend what tripped the switch.
    if (this.#state === "paused" && this.#coolDown === undefined) return;
    if (!sameQueue || this.#state === "broken" || this.#state === "paused") this.resume();
  }

  /** Takes no more messages until `resume()`; what runs goes on, and what waits goes back. */
  async pause(reason = "paused by hand"): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    clearTimeout(this.#coolDown);
    this.#coolDown = undefined;
    this.#probing = false;
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
    clearTimeout(this.#coolDown);
    this.#coolDown = undefined;
    this.#probing = false;
    this.#killSwitch?.reset();
    this.#admission.reopen();
    this.#consumeAgain();
  }

  /** No new messages; those that have not started go back. Resolves once nothing runs. */
  async drain(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#coolDown);
    this.#become("draining", undefined);
    await this.#clock?.stop();
    await this.#consumer.cancel();
    this.#giveBackWaiting();
    await this.#idle();
  }

  /** Ends what still runs; its messages go back untouched. */
  async abort(): Promise<void> {
    this.#aborting = true;
    await this.#generation.sandbox.abort(ABORT_GRACE);
  }

  /** After `drain()`, or instead of it: whatever is not settled comes again. */
  async close(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#coolDown);
    this.#giveBackWaiting();
    this.#aborting = true;
    await this.#clock?.stop();
    await this.#generation.sandbox.close();
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
    if (this.#open > 0) await new Promise<void>((resolve) => this.#drained.add(resolve));
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
    generation.used = true;
    try {
      await generation.sandbox.warm();
    } catch (error) {
      if (generation === this.#generation) this.#mending ??= this.#break(describeError(error));
    }
  }

  #generate(version: Version): Generation {
    const { folder, configFile, memoryWatch, reaper, once } = this.#surroundings;
    const { definition, sources } = version;
    const options = { definition, sources, folder, log: this.#log, once };
    const sandbox = definition.isolation === "inline"
      ? new InlineSandbox(options)
      : new ProcessSandbox({ ...options, configFile, memoryWatch, reaper });
    return { version, sandbox, running: 0, used: false };
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
        if (consuming && !this.#probing) this.#log.info(`serving queue "${definition.queue.name}"`);
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
    this.#open++;
    const invocation = toInvocation(delivery.message, this.definition);
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
        const { definition } = this;
        if (delivery.live && !await this.#surroundings.settler.setAside(delivery, { definition, invocation })) {
          return false;
        }
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
  async #return({ delivery, invocation }: Pick<Received, "delivery" | "invocation">): Promise<void> {
    const { definition } = this;
    if (this.#suspects(invocation) && await this.#surroundings.settler.setAside(delivery, { definition, invocation })) {
      return;
    }
    delivery.requeue();
  }

  /** One message, or a batch of them. */
  async #handle(received: readonly Received[]): Promise<void> {
    const generation = this.#generation;
    const live: Received[] = [];
    const late: Received[] = [];
    for (const each of received) (each.delivery.live && !this.#stopped.signal.aborted ? live : late).push(each);
    this.#returnAll(late);
    if (live.length === 0) return this.#admission.leave();
    generation.running++;
    generation.used = true;
    const outcomes = await this.#invoke(generation, live);
    generation.running--;
    this.#admission.leave();
    await Promise.all(live.map((each, index) => this.#conclude(each, outcomes[index])));
  }

  async #conclude(received: Received, outcome: Outcome): Promise<void> {
    try {
      const held = await this.#settle(received.delivery, received.invocation, outcome);
      if (held) return void this.#runAgain(received, held);
    } catch (error) {
      // Not acked, so not lost: the broker delivers it again when this channel closes.
      this.#log.error(`a delivery could not be settled: ${describeError(error)}`);
    }
    this.#finish(received);
  }

  /** The outcome of each; headers that cannot be read are an outcome too. */
  async #invoke({ sandbox, version }: Generation, received: readonly Received[]): Promise<Outcome[]> {
    const failures = received.map(({ invocation }) => malformed(invocation.headers));
    const fine = received.filter((_, index) => !failures[index]).map(({ invocation }) => invocation);
    const ended = fine.length === 0
      ? []
      : version.definition.batch
      ? await sandbox.invokeBatch(fine)
      : [await sandbox.invoke(fine[0])];
    return failures.map((failure) => failure ? { kind: "undecodable", failure } : ended.shift()!);
  }

  /** Gives the retry that an ordered message waits for here. */
  async #settle(delivery: Delivery, invocation: DeliveredInvocation, ended: Outcome): Promise<HeldRetry | undefined> {
    const outcome = ended.kind === "completed" ? await this.#publishOutputs(delivery, invocation, ended) : ended;
    if (outcome.kind === "completed") {
      this.counts.completed++;
      this.#watch(false);
      return void delivery.ack();
    }
    if (outcome.kind === "abandoned" || this.#aborting) return void await this.#giveBack(delivery, invocation, outcome);
    this.counts[outcome.kind]++;
    // What is wrong with a message says nothing of what the function depends on.
    if (!["rejected", "undecodable", "invalid"].includes(outcome.kind)) this.#watch(true);
    const { definition } = this.#generation.version;
    const disposition = decide(outcome, invocation.attempt, definition.retry);
    this.#log.warn(`${outcome.kind}: ${outcome.failure.message}`, {
      messageId: invocation.properties.messageId,
      attempt: invocation.attempt,
      trace: readTrace(invocation.headers)?.traceId,
      ...(disposition.kind === "retry"
        ? { retryIn: disposition.delay }
        : { deadLetter: `${definition.queue.name}.dead` }),
      stack: outcome.failure.stack,
    });
    if (disposition.kind === "deadLetter") {
      await this.#surroundings.outputs.refuse({ definition, invocation, delivery }, outcome.kind, outcome.failure);
    }
    if (disposition.kind === "retry" && definition.order) return disposition;
    await this.#surroundings.settler.settle(delivery, disposition, { definition, invocation });
  }

  /** A copy would come back behind those that it is to be before: it keeps its place, and its key waits. */
  async #runAgain({ delivery, invocation }: Received, { delay: wait, attempt }: HeldRetry): Promise<void> {
    await delay(wait, AbortSignal.any([this.#stopped.signal, this.#paused.signal]));
    this.#apply([{ delivery, invocation: { ...invocation, attempt } }]);
  }

  /** The kill switch: trips when too many fail, and looks with one message whether that is over. */
  #watch(failed: boolean): void {
    const killSwitch = this.#killSwitch;
    if (!killSwitch || this.#stopped.signal.aborted || this.#state === "paused") return;
    if (this.#probing) return failed ? this.#trip(killSwitch, "the probe failed too") : this.#recovered();
    const { errorRate, window } = killSwitch.config;
    if (killSwitch.record(failed)) {
      this.#trip(killSwitch, `${errorRate * 100} % or more failed within ${window / 1000} s`);
    }
  }

  #trip({ config: { coolDown } }: KillSwitch, why: string): void {
    this.#log.error(`paused: ${why}; one message is tried in ${coolDown / 1000} s`);
    void this.pause(why);
    this.#coolDown = setTimeout(() => this.#probe(), coolDown);
  }

  #probe(): void {
    this.#coolDown = undefined;
    this.#probing = true;
    this.#log.info("trying one message");
    this.#admission.reopen();
    this.#consumeAgain({ ...this.definition, prefetch: 1 });
  }

  #recovered(): void {
    this.#log.info("one message went through: taking messages again");
    this.resume();
  }

  /** Before the ack; what cannot be published makes it a failure. */
  async #publishOutputs(
    delivery: Delivery,
    invocation: Invocation,
    outcome: Outcome & { kind: "completed" },
  ): Promise<Outcome> {
    const { definition } = this.#generation.version;
    const nothing = !outcome.outputs?.length && !outcome.result && invocation.properties.replyTo === undefined;
    if (nothing) return outcome;
    try {
      await this.#surroundings.outputs.publish({ definition, invocation, delivery }, outcome);
      return outcome;
    } catch (error) {
      return { kind: "failed", failure: { type: "PublishError", message: describeError(error) } };
    }
  }

  /** The handler did not run, through no fault of the message's. */
  async #giveBack(delivery: Delivery, invocation: DeliveredInvocation, outcome: Outcome): Promise<void> {
    // Cancelled first: the broker would send it straight back to this consumer.
    if (!this.#stopped.signal.aborted && outcome.kind === "abandoned") {
      this.#mending ??= this.#break(outcome.reason);
      await this.#consumer.cancel();
    }
    await this.#return({ delivery, invocation });
  }

  /** Stops consuming, and tries from time to time whether the module loads after all. */
  async #break(reason: string): Promise<void> {
    const broken = this.#generation;
    this.#become("broken", reason);
    this.#log.error(`the function is broken: ${reason}; its messages stay in the queue`);
    await this.#consumer.cancel();
    const backoff = new Backoff({ initial: 5_000, max: 300_000 });
    const { signal } = this.#stopped;
    while (!signal.aborted && this.#generation === broken) {
      await delay(backoff.next(), signal);
      if (signal.aborted || this.#generation !== broken) break;
      const error = await broken.sandbox.warm().then(() => undefined, describeError);
      if (error !== undefined) {
        this.#detail = error;
        continue;
      }
      this.#log.info("the module loads again");
      this.#consumeAgain();
      break;
    }
    if (this.#generation === broken) this.#mending = undefined;
  }

  #retireWhenIdle(generation: Generation): void {
    const retired = (async () => {
      while (generation.running > 0 && !this.#aborting) await delay(50);
      await (generation.running > 0 ? generation.sandbox.abort(ABORT_GRACE) : generation.sandbox.close());
    })().finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }

  #finish({ suspect }: Received): void {
    if (suspect) this.#surroundings.suspects.leave(suspect);
    if (--this.#open > 0) return;
    for (const resolve of this.#drained) resolve();
    this.#drained.clear();
  }

  #become(state: ServedState, detail: string | undefined): void {
    this.#state = state;
    this.#detail = detail;
  }
}
