import type { Delivery, Trial } from "../amqp/consuming/consumer.ts";
import { malformed, toInvocation } from "../amqp/message/headers.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Outcome, OutcomeCounts } from "../invocation/outcome.ts";
import type { Logger } from "../base/log.ts";
import { Ending, type Phase } from "./ending.ts";
import type { Generation } from "./generation.ts";
import type { KillSwitch } from "./flow/kill_switch.ts";
import { Dedupe } from "./flow/dedupe.ts";
import { DUPLICATE, Reports } from "./reports.ts";
import type { Row } from "./row.ts";
import { tellLost } from "./lost.ts";
import { sameSource } from "./queue_changes.ts";
import { Strays } from "./strays.ts";
import type { Surroundings } from "./surroundings.ts";
import { crashLoop, crashLoopOf } from "./flow/suspects.ts";
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
 * 4. concluded: the outcome says what becomes of the row; see ending.ts and conclude.ts.
 * 5. settled: what it leaves is published, and then its delivery is acked; see ending.ts and settlement.ts.
 */
export class Pipeline {
  /** Messages that `dedupe` refused. */
  duplicates = 0;
  readonly #options: PipelineOptions;
  readonly #log: Logger;
  readonly #phase: Phase = { open: true, aborting: false };
  readonly #ending: Ending;
  readonly #reports: Reports;
  readonly #rows = new Set<Row>();
  readonly #waiting: Waiting;
  readonly #dedupe: Dedupe | undefined;
  readonly #strays = new Strays();
  readonly #idle = new Set<() => void>();
  #newest: Date | undefined;
  #generation: Generation;
  // One function for all rows: a closure for each would keep its row until the next full garbage collection.
  readonly #onEnd = (outcome: Outcome, row: Row) => {
    row.generation.ended(outcome);
    this.#waiting.leave();
    this.#ended(row, outcome);
    this.#startNext();
  };

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#generation = options.generation;
    this.#reports = new Reports(options.surroundings.observer);
    const { surroundings: { suspects, timers = TIMERS, handled: store }, log } = options;
    this.#dedupe = store && new Dedupe({ store, log });
    this.#waiting = new Waiting({
      definition: options.generation.definition,
      timers,
      suspects,
      onDead: (row) => this.#finish(row),
      onRoom: () => this.#startNext(),
      giveBack: (row) => void this.#ending.return([row]),
      setAside: (row) => this.#ending.setAside(row),
    });
    this.#ending = new Ending({
      ...options,
      phase: this.#phase,
      reports: this.#reports,
      dedupe: this.#dedupe,
      hold: (row, delay) => this.#putBack(row, delay),
      finish: (row) => this.#finish(row),
    });
  }

  /** How many messages ended in each way. */
  get counts(): OutcomeCounts {
    return this.#ending.counts;
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
    if (!this.#phase.open || !sameSource(from, this.#generation.definition)) return void this.#ending.return(rows);
    for (const row of rows) this.#admit(row);
    this.#startNext();
  }

  /** Switches to another version. Rows that have not begun move to it, or return if it has another queue. */
  become(generation: Generation): void {
    const stays = sameSource(this.#generation.definition, generation.definition);
    this.#generation = generation;
    if (!stays) void this.#ending.return(this.#waiting.clear());
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
    this.#phase.open = true;
  }

  /** Lets nothing start, and returns rows that have not begun. Resolves once they are returned. */
  close(): Promise<void> {
    this.#phase.open = false;
    return this.#ending.return(this.#waiting.clear());
  }

  /** From now on failures are due to the abort: the messages return unchanged. */
  abort(): void {
    this.#phase.aborting = true;
  }

  /** Resolves once no row is left. */
  async empty(): Promise<void> {
    if (this.#rows.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
    await this.#dedupe?.settled();
  }

  /** A channel is gone: the broker delivers again what was not settled on it. What of that runs is aborted. */
  lost(reason: string): void {
    if (this.#phase.aborting) return;
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
    if (!this.#ending.isSuspect(row)) return this.#waiting.add(row);
    const failure = crashLoop(row.invocation);
    if (failure) return this.#ending.conclude(row, { kind: "crashed", failure, final: true });
    this.#waiting.addSuspect(row);
  }

  /** Keeps its place. It runs beside others unless a runner ended while it ran, and then as the only suspect. */
  #admitOnTrial(row: Row, trial: Trial): void {
    const { deaths } = trial;
    if (deaths === 0) return this.#waiting.add(row);
    const failure = crashLoopOf(trial);
    if (failure) return this.#ending.conclude(row, { kind: "crashed", failure, final: true });
    this.#waiting.addSuspect(row);
  }

  #startNext(): void {
    if (!this.#phase.open) return;
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
    if (rest.some((row) => this.#phase.aborting || !row.delivery.live)) return this.#runOnTrial(rest, generation);
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
    if (!this.#phase.open) return void this.#ending.return([row]);
    this.#putBack(row, delay);
  }

  /** It waits in its place. */
  #putBack(row: Row, delay: number): void {
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
    if (failure) this.#ending.conclude(row, { kind: "undecodable", failure });
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
    this.#ending.conclude(row, outcome);
  }

  /** Unless the delivery is gone meanwhile, or everything is being aborted. */
  #runOnTrial(start: readonly Row[], generation: Generation): void {
    const gone = (row: Row) => this.#phase.aborting || !row.delivery.live;
    if (!start.some(gone)) return this.#launch(start, generation);
    this.#waiting.leave();
    for (const row of start) this.#ending.conclude(row, { kind: "abandoned", reason: "the message went back" });
    this.#startNext();
  }

  /** The version that runs it may need the return value, even if the one that took it did not. */
  #takeOver(row: Row): void {
    row.generation = this.#generation;
    const { wantsResult } = toInvocation(row.delivery.message, row.generation.definition);
    row.invocation = { ...row.invocation, wantsResult };
  }

  #finish(row: Row): void {
    if (!this.#rows.delete(row)) return;
    row.stage = "done";
    this.#options.surroundings.tracing?.leave(row.invocation);
    if (row.claim !== undefined) this.#dedupe?.release(row);
    this.#ending.forget(row);
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
