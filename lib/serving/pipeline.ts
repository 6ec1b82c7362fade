import type { Delivery, Trial } from "../amqp/consuming/consumer.ts";
import { malformed, toInvocation } from "../amqp/message/headers.ts";
import type { Settled } from "../amqp/publishing/settle.ts";
import { describeError } from "../base/errors.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import { noOutcomes, type Outcome } from "../invocation/outcome.ts";
import type { Logger } from "../base/log.ts";
import { blamesDependency, conclude, type Conclusion } from "./conclude.ts";
import type { Generation } from "./generation.ts";
import { Holding } from "../base/time/holding.ts";
import type { KillSwitch } from "./flow/kill_switch.ts";
import { Dedupe } from "./flow/dedupe.ts";
import { ACKED, DUPLICATE, LOST, nextOf, Reports, RETURNED } from "./reports.ts";
import type { Row } from "./row.ts";
import { tellLost } from "./lost.ts";
import {
  type Copied,
  type Copying,
  type Failed,
  leavesNothing,
  type NotCompleted,
  type OnCopied,
  Settlement,
} from "./settlement.ts";
import { Strays } from "./strays.ts";
import type { Surroundings } from "./surroundings.ts";
import { crashLoop, crashLoopOf, isSuspect } from "./flow/suspects.ts";
import { TIMERS } from "../base/time/timers.ts";
import { Waiting } from "./flow/waiting.ts";

export interface PipelineOptions {
  surroundings: Pick<
    Surroundings,
    "suspects" | "outputs" | "settler" | "alerts" | "handled" | "timers" | "observer" | "tracing"
  >;
  log: Logger;
  /** The version that takes messages from the start. */
  generation: Generation;
  /** Resolves once the broker sends nothing more to a consumer that was stopped. */
  quiet(): Promise<void>;
  /** Counts failures. */
  killSwitch(): KillSwitch | undefined;
  /** A version could not run its messages, for a reason that has nothing to do with them. */
  onAbandoned(generation: Generation, reason: string): void;
  /** Milliseconds that a message may take to be settled. @default 20 minutes */
  patience?: number;
}

/**
 * The messages of one function, each of them a row, in five stages:
 *
 * 1. received: a group of deliveries, what came in one read of the socket, becomes rows.
 * 2. admitted: suspects, batches, concurrency and rate say which rows start now.
 * 3. invoked: from here on a row belongs to the version that runs it.
 * 4. concluded: the outcome says what becomes of the row; see conclude.ts.
 * 5. settled: what it leaves is published, and then its delivery is acked; see settlement.ts.
 */
export class Pipeline {
  readonly counts = noOutcomes();
  /** Messages that `dedupe` refused. */
  duplicates = 0;
  readonly #options: PipelineOptions;
  readonly #log: Logger;
  readonly #settlement: Settlement;
  readonly #reports: Reports;
  readonly #rows = new Set<Row>();
  readonly #waiting: Waiting;
  readonly #dedupe: Dedupe | undefined;
  readonly #strays = new Strays();
  readonly #settling: Holding<Row>;
  readonly #idle = new Set<() => void>();
  #newest: Date | undefined;
  #generation: Generation;
  #open = true;
  #aborting = false;
  // One function for all rows: a closure for each would keep its row until the next full garbage collection.
  readonly #onEnd = (outcome: Outcome, row: Row) => {
    row.generation.ended(outcome);
    this.#waiting.leave();
    this.#ended(row, outcome);
    this.#startNext();
  };
  readonly #onPublished = (outcome: Outcome, row: Row) => this.#published(row, outcome);
  readonly #onCopied: OnCopied = (copied, settled, error) => this.#copied(copied, settled, error);

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#generation = options.generation;
    this.#settlement = new Settlement(options.surroundings, options.log);
    this.#reports = new Reports(options.surroundings.observer);
    const { surroundings: { suspects, timers = TIMERS, handled: store }, patience = PATIENCE, log } = options;
    this.#dedupe = store && new Dedupe({ store, log });
    this.#waiting = new Waiting({
      definition: options.generation.definition,
      timers,
      suspects,
      onDead: (row) => this.#finish(row),
      onRoom: () => this.#startNext(),
      giveBack: (row) => void this.#return([row]),
      setAside: (row) => this.#setAside(row),
    });
    this.#settling = new Holding({
      patience,
      onOverdue: (row) => this.#giveUp(row, `it was tried for ${patience / 60_000} minutes`),
      timers,
    });
  }

  /** The number of rows that are not done. */
  get size(): number {
    return this.#rows.size;
  }

  /** When the newest message that was received for the first time was published, if it says so. */
  get newest(): Date | undefined {
    return this.#newest;
  }

  /** The ids of their messages, if they have one. */
  get messageIds(): string[] {
    return [...this.#rows].map(({ invocation }) => invocation.properties.messageId).filter((id) => id !== undefined);
  }

  /** 1. Takes a group of deliveries from the queue of the definition. */
  receive(deliveries: readonly Delivery[], from: FunctionDefinition): void {
    const now = this.#reports.now();
    const rows = deliveries.map((delivery) => this.#row(delivery, now));
    const last = rows.at(-1)?.invocation;
    if (last?.attempt === 1) this.#newest = last.properties.timestamp;
    if (!this.#open || !sameSource(from, this.#generation.definition)) return void this.#return(rows);
    for (const row of rows) this.#admit(row);
    this.#startNext();
  }

  /** Switches to another version. Rows that have not begun move to it, or return if it has another queue. */
  become(generation: Generation): void {
    const stays = sameSource(this.#generation.definition, generation.definition);
    this.#generation = generation;
    if (!stays) void this.#return(this.#waiting.clear());
    this.#waiting.become(generation.definition);
    this.#startNext();
  }

  /** Somebody follows this message, and may not know that it runs. */
  follow(messageId: string): void {
    for (const row of this.#rows) {
      if (row.stage !== "running" || row.stray || row.invocation.properties.messageId !== messageId) continue;
      if (this.#reports.started(row)) row.generation.follow(row.invocation);
    }
  }

  /** Lets rows start again. */
  open(): void {
    this.#open = true;
  }

  /** Lets nothing start, and returns rows that have not begun. Resolves once they are returned. */
  close(): Promise<void> {
    this.#open = false;
    return this.#return(this.#waiting.clear());
  }

  /** From now on failures are due to the abort: the messages return unchanged. */
  abort(): void {
    this.#aborting = true;
  }

  /** Resolves once no row is left. */
  async empty(): Promise<void> {
    if (this.#rows.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
    await this.#dedupe?.settled();
  }

  /** A channel is gone: the broker delivers again what was not settled on it. What of that runs is aborted. */
  lost(reason: string): void {
    if (this.#aborting) return;
    const strays: Row[] = [];
    for (const row of [...this.#rows]) {
      if (row.delivery.live || row.stray) continue;
      if (row.stage === "waiting") this.#finish(row);
      if (row.stage === "running") strays.push(row);
    }
    for (const row of strays) {
      row.stray = true;
      this.#strays.add(row);
    }
    tellLost(this.#log, strays, reason);
    for (const start of new Set(strays.map(({ start }) => start))) {
      if (!start.every((row) => row.stray || row.stage === "done")) continue;
      start[0].generation.cancel(start.map(({ invocation }) => invocation), "the broker took the message back");
    }
  }

  #row(delivery: Delivery, receivedAt: number): Row {
    const generation = this.#generation;
    const row: Row = {
      delivery,
      invocation: toInvocation(delivery.message, generation.definition),
      stage: "waiting",
      generation,
      start: NOTHING,
      era: undefined,
      suspect: undefined,
      stray: false,
      receivedAt,
      startedAt: 0,
      endedAt: 0,
      published: NO_IDS,
      claim: undefined,
      follower: undefined,
    };
    this.#rows.add(row);
    return row;
  }

  /** 2. Suspects wait separately, and a message that still runs here waits for the end of that run. */
  #admit(row: Row): void {
    const stray = this.#strays.find(row);
    if (!stray) return this.#admitAlone(row);
    stray.follower = row;
    this.#waiting.hold(row);
  }

  #admitAlone(row: Row): void {
    const { trial } = row.delivery;
    if (trial) return this.#admitOnTrial(row, trial);
    if (!this.#isSuspect(row)) return this.#waiting.add(row);
    const failure = crashLoop(row.invocation);
    if (failure) return this.#conclude(row, { kind: "crashed", failure, final: true });
    this.#waiting.addSuspect(row);
  }

  /** Keeps its place. It runs beside others unless a runner ended while it ran, and then as the only suspect. */
  #admitOnTrial(row: Row, trial: Trial): void {
    const { deaths } = trial;
    if (deaths === 0) return this.#waiting.add(row);
    const failure = crashLoopOf(trial);
    if (failure) return this.#conclude(row, { kind: "crashed", failure, final: true });
    this.#waiting.addSuspect(row);
  }

  #startNext(): void {
    if (!this.#open) return;
    for (let starts = this.#waiting.take(); starts.length > 0; starts = this.#waiting.take()) {
      const now = this.#reports.now();
      for (const start of starts) this.#begin(start, now);
    }
  }

  /** 3. Headers that cannot be read are an outcome, and take no others of their batch with them. */
  #begin(admitted: readonly Row[], now: number): void {
    const generation = this.#generation;
    const start: Row[] = [];
    for (const row of admitted) if (row.stage === "waiting" && this.#beginOne(row, start, now)) start.push(row);
    if (start.length === 0) return this.#waiting.leave();
    if (generation.definition.dedupe !== undefined && this.#dedupe) void this.#claim(this.#dedupe, start, generation);
    else this.#proceed(start, generation);
  }

  /** Refuses what was handled before, and puts off what runs elsewhere. */
  async #claim(dedupe: Dedupe, start: readonly Row[], generation: Generation): Promise<void> {
    const verdicts = await Promise.all(start.map((row) => dedupe.claim(row)));
    const rest = start.filter((row, index) => {
      const verdict = verdicts[index];
      if (verdict.kind === "run" || !row.delivery.live) return true;
      if (verdict.kind === "duplicate") this.#refuse(row);
      else this.#putOff(row, verdict.for);
      return false;
    });
    for (const row of rest) row.start = rest;
    if (rest.some((row) => this.#aborting || !row.delivery.live)) return this.#runOnTrial(rest, generation);
    if (rest.length > 0) return this.#proceed(rest, generation);
    this.#waiting.leave();
    this.#startNext();
  }

  #refuse(row: Row): void {
    const { properties: { messageId }, attempt } = row.invocation;
    this.duplicates++;
    this.#log.debug("refused: a message with its id was handled before", { messageId, attempt });
    row.stage = "settling";
    row.endedAt = this.#reports.now();
    row.delivery.ack();
    this.#reports.ended(row, { kind: "completed" }, DUPLICATE);
    this.#finish(row);
  }

  /** A message with its id runs now: later it is seen how that ended. */
  #putOff(row: Row, delay: number): void {
    if (!this.#open) return void this.#return([row]);
    row.stage = "waiting";
    this.#leaveDesk(row);
    this.#waiting.hold(row, delay);
  }

  #proceed(start: readonly Row[], generation: Generation): void {
    if (start.every(({ delivery }) => delivery.trial === undefined)) return this.#launch(start, generation);
    const trials = start.map(({ delivery }) => delivery.trial).filter((trial) => trial !== undefined);
    void Promise.all(trials.map((trial) => trial.begin())).then(() => this.#runOnTrial(start, generation));
  }

  /** Whether its handler is to be called. */
  #beginOne(row: Row, start: readonly Row[], now: number): boolean {
    row.stage = "running";
    row.start = start;
    row.startedAt = now;
    row.era = this.#options.killSwitch()?.era;
    if (row.generation !== this.#generation) this.#takeOver(row);
    const failure = malformed(row.invocation.headers);
    if (failure) this.#conclude(row, { kind: "undecodable", failure });
    return failure === undefined;
  }

  #launch(start: readonly Row[], generation: Generation): void {
    this.#run(start, generation);
    for (const row of start) if (this.#reports.started(row)) generation.follow(row.invocation);
  }

  #run(start: readonly Row[], generation: Generation): void {
    const { tracing } = this.#options.surroundings;
    if (tracing) { for (const row of start) row.invocation = tracing.begin(generation.definition, row.invocation); }
    if (!generation.definition.batch) return generation.run(start[0].invocation, this.#onEnd, start[0]);
    generation.runBatch(start.map(({ invocation }) => invocation), (outcomes) => {
      this.#waiting.leave();
      for (const [index, row] of start.entries()) this.#ended(row, outcomes[index]);
      this.#startNext();
    });
  }

  #ended(row: Row, outcome: Outcome): void {
    row.delivery.trial?.end();
    this.#conclude(row, outcome);
  }

  /** Unless the delivery is gone meanwhile, or everything is being aborted. */
  #runOnTrial(start: readonly Row[], generation: Generation): void {
    const gone = (row: Row) => this.#aborting || !row.delivery.live;
    if (!start.some(gone)) return this.#launch(start, generation);
    this.#waiting.leave();
    for (const row of start) this.#conclude(row, { kind: "abandoned", reason: "the message went back" });
    this.#startNext();
  }

  /** The version that runs it may need the return value, even if the one that took it did not. */
  #takeOver(row: Row): void {
    row.generation = this.#generation;
    const { wantsResult } = toInvocation(row.delivery.message, row.generation.definition);
    row.invocation = { ...row.invocation, wantsResult };
  }

  /** 4. If the delivery is gone, nothing is published: the message runs again. */
  #conclude(row: Row, outcome: Outcome): void {
    row.stage = "settling";
    row.endedAt = this.#reports.now();
    if (!row.delivery.live) return this.#endLate(row, outcome);
    if (outcome.kind === "completed" && leavesNothing(row, outcome)) return this.#ack(row, outcome);
    this.#settling.add(row);
    if (outcome.kind !== "completed") return this.#settle(row, outcome);
    try {
      this.#settlement.publish(row, outcome, this.#onPublished);
    } catch (error) {
      this.#fail(row, outcome, error);
    }
  }

  /** Its outputs are with the broker, or nobody can take them: then it has failed. */
  #published(row: Row, outcome: Outcome): void {
    if (!row.delivery.live) this.#endLate(row, outcome);
    else if (outcome.kind === "completed") this.#ack(row, outcome);
    else this.#settle(row, outcome);
  }

  /** 5. Settles what has not completed. */
  #settle(row: Row, outcome: NotCompleted): void {
    try {
      const settling = this.#settleBy(row, outcome, this.#conclusionOf(row, outcome));
      settling?.catch((error) => this.#fail(row, outcome, error));
    } catch (error) {
      this.#fail(row, outcome, error);
    }
  }

  /** Returns a promise only if it waits for something that does not call back. */
  #settleBy(row: Row, outcome: NotCompleted, conclusion: Conclusion): Promise<void> | undefined {
    const wasLoading = outcome.kind === "abandoned" && !this.#aborting;
    if (wasLoading) this.#options.onAbandoned(row.generation, outcome.reason);
    if (outcome.kind === "abandoned" || this.#aborting) return this.#return([row]);
    this.counts[outcome.kind]++;
    this.#settlement.tell(row, outcome, conclusion);
    if (blamesDependency(outcome)) this.#record(row, true);
    if (conclusion.kind === "giveBack") return this.#giveBack(row, outcome);
    if (conclusion.kind === "hold") {
      const { delay, attempt } = conclusion;
      this.#reports.ended(row, outcome, this.#open ? { kind: "retry", delay, attempt } : RETURNED);
      return void this.#hold(row, delay, attempt);
    }
    if (conclusion.kind === "ack") return void this.#finish(row);
    // Otherwise the copy would go straight to the consumer that is being stopped.
    if (conclusion.kind === "again") return this.#again(row, outcome, conclusion);
    this.#settlement.copy(row, outcome, conclusion, this.#onCopied);
  }

  async #giveBack(row: Row, outcome: Failed): Promise<void> {
    await this.#return([row]);
    this.#reports.ended(row, outcome, RETURNED);
  }

  async #again(row: Row, outcome: Failed, conclusion: Copying): Promise<void> {
    await this.#options.quiet();
    this.#settlement.copy(row, outcome, conclusion, this.#onCopied);
  }

  #copied({ row, outcome, conclusion }: Copied, settled: Settled | undefined, error: unknown): void {
    if (settled === undefined) return this.#fail(row, outcome, error);
    this.#reports.ended(row, outcome, nextOf(conclusion, settled));
    this.#finish(row);
  }

  /** It could not be settled. */
  #fail(row: Row, outcome: Outcome, error: unknown): void {
    this.#giveUp(row, describeError(error));
    this.#reports.ended(row, outcome, RETURNED);
    this.#finish(row);
  }

  #conclusionOf({ invocation: { attempt }, generation: { definition }, era }: Row, outcome: Outcome): Conclusion {
    const { retry, order } = definition;
    const probe = this.#options.killSwitch()?.isProbe(era) ?? false;
    return conclude(outcome, { attempt, retry, ordered: order !== undefined, aborting: this.#aborting, probe });
  }

  #ack(row: Row, outcome: Outcome): void {
    this.counts.completed++;
    row.delivery.ack();
    if (row.claim !== undefined) this.#dedupe?.done(row);
    this.#record(row, false);
    this.#reports.ended(row, outcome, ACKED);
    this.#finish(row);
  }

  #record({ era }: Row, failed: boolean): void {
    if (era) this.#options.killSwitch()?.record(failed, era);
  }

  /** An ordered message keeps its place, and its key waits. */
  #hold(row: Row, delay: number, attempt: number): void {
    if (!this.#open) return void this.#return([row]);
    this.#settling.delete(row);
    if (row.claim !== undefined) this.#dedupe?.release(row);
    row.stage = "waiting";
    this.#leaveDesk(row);
    row.invocation = { ...row.invocation, attempt };
    this.#waiting.hold(row, delay);
  }

  #endLate(row: Row, outcome: Outcome): void {
    const about = { messageId: row.invocation.properties.messageId, attempt: row.invocation.attempt };
    if (outcome.kind === "completed") {
      this.#log.warn("the handler completed after the broker had taken its message back; it will run again", about);
    } else if (outcome.kind !== "abandoned") {
      this.#log.info(`the handler ended after the broker had taken its message back: ${outcome.kind}`, about);
    }
    this.#reports.ended(row, outcome, LOST);
    this.#finish(row);
  }

  /**
   * Returns to the queue, after the broker has stopped sending to a stopping consumer, which would get it again at
   * once.
   */
  async #return(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    for (const row of rows) row.stage = "settling";
    await this.#options.quiet();
    await Promise.all(rows.map((row) => this.#returnOne(row)));
  }

  /** Suspects return as a copy, since brokers count every return. */
  async #returnOne(row: Row): Promise<void> {
    const setAside = row.delivery.live && this.#isSuspect(row) && await this.#settlement.setAside(row);
    if (!setAside) row.delivery.requeue();
    this.#finish(row);
  }

  /** No row is held for ever: the broker would close the channel in the end, and take all the others back as well. */
  #giveUp(row: Row, why: string): void {
    const { messageId } = row.invocation.properties;
    this.#log.error(`a message could not be settled; it goes back to its queue: ${why}`, { messageId });
    row.delivery.requeue();
  }

  /** An ordered message keeps its place, so it cannot be copied. */
  #isSuspect({ invocation, generation }: Row): boolean {
    return !generation.definition.order && isSuspect(invocation);
  }

  async #setAside(row: Row): Promise<boolean> {
    if (row.delivery.live && !await this.#settlement.setAside(row)) return false;
    this.#finish(row);
    return true;
  }

  #finish(row: Row): void {
    if (!this.#rows.delete(row)) return;
    row.stage = "done";
    this.#options.surroundings.tracing?.leave(row.invocation);
    if (row.claim !== undefined) this.#dedupe?.release(row);
    this.#settling.delete(row);
    this.#strays.delete(row);
    this.#waiting.release(row);
    this.#leaveDesk(row);
    if (row.follower) this.#release(row.follower);
    if (this.#rows.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  #leaveDesk(row: Row): void {
    if (row.suspect) this.#options.surroundings.suspects.leave(row.suspect);
    row.suspect = undefined;
  }

  /** It waited for the end of a run of the same message. */
  #release(follower: Row): void {
    if (!this.#waiting.release(follower)) return;
    this.#admitAlone(follower);
    this.#startNext();
  }
}

const NOTHING: readonly Row[] = [];
const NO_IDS: readonly string[] = [];
/** Less than the 30 minutes after which RabbitMQ closes the channel of an unsettled delivery. */
const PATIENCE = 20 * 60_000;

/** Whether messages of one version can run on the other: the queue and the permissions are the same. */
export function sameSource(one: FunctionDefinition, other: FunctionDefinition): boolean {
  return one === other ||
    JSON.stringify([one.queue, one.order]) === JSON.stringify([other.queue, other.order]);
}
