import type { Delivery } from "../amqp/consuming/consumer.ts";
import { malformed, toInvocation } from "../amqp/message/headers.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Outcome, OutcomeCounts } from "../invocation/outcome.ts";
import type { Logger } from "../base/log.ts";
import { Ending, type Phase } from "./ending.ts";
import type { Generation } from "./generation.ts";
import type { KillSwitch } from "./flow/kill_switch.ts";
import { Dedupe } from "./flow/dedupe.ts";
import { Duplicates } from "./flow/duplicates.ts";
import { Intake } from "./flow/intake.ts";
import { Reports } from "./reports.ts";
import { newRow, type Row } from "./row.ts";
import { tellLost } from "./lost.ts";
import { sameSource } from "./queue_changes.ts";
import type { Surroundings } from "./surroundings.ts";
import { NumberMap } from "../base/number_map.ts";
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
 * 2. admitted: suspects, batches, concurrency and rate say which rows start now; see intake.ts and waiting.ts.
 * 3. invoked: from here on a row belongs to the version that runs it.
 * 4. concluded: the outcome says what becomes of the row; see ending.ts and conclude.ts.
 * 5. settled: what it leaves is published, and then its delivery is acked; see ending.ts and settlement.ts.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #log: Logger;
  readonly #phase: Phase = { open: true, aborting: false };
  readonly #ending: Ending;
  readonly #reports: Reports;
  readonly #rows = new NumberMap<Row>();
  #lastId = 0;
  readonly #waiting: Waiting;
  readonly #intake: Intake;
  readonly #dedupe: Dedupe | undefined;
  readonly #duplicates: Duplicates | undefined;
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
      hold: (row, delay) => this.#waiting.putBack(row, delay),
      finish: (row) => this.#finish(row),
    });
    this.#intake = new Intake({ waiting: this.#waiting, ending: this.#ending, onRoom: () => this.#startNext() });
    this.#duplicates = this.#dedupe && new Duplicates({
      dedupe: this.#dedupe,
      log,
      reports: this.#reports,
      finish: (row) => this.#finish(row),
      putOff: (row, delay) => this.#putOff(row, delay),
      onClaimed: (rest, generation) => this.#claimed(rest, generation),
    });
  }

  /** How many messages ended in each way. */
  get counts(): OutcomeCounts {
    return this.#ending.counts;
  }

  /** How many messages `dedupe` refused. */
  get duplicates(): number {
    return this.#duplicates?.count ?? 0;
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
    return this.#rows.values().map(({ invocation }) => invocation.properties.messageId).filter((id) =>
      id !== undefined
    );
  }

  /** 1. Takes a group of deliveries from the queue of the definition. */
  receive(deliveries: readonly Delivery[], from: FunctionDefinition): void {
    const now = this.#reports.now();
    const rows = deliveries.map((delivery) => newRow(++this.#lastId, delivery, this.#generation, now));
    for (const row of rows) this.#rows.set(row.id, row);
    const last = rows.at(-1)?.invocation;
    if (last?.attempt === 1) this.#newest = last.properties.timestamp;
    if (!this.#phase.open || !sameSource(from, this.#generation.definition)) return void this.#ending.return(rows);
    for (const row of rows) this.#intake.admit(row);
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
    for (const row of this.#rows.values()) {
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
    for (const row of this.#rows.values()) {
      if (row.delivery.live || row.stray) continue;
      if (row.stage === "waiting") this.#finish(row);
      if (row.stage === "running") strays.push(row);
    }
    for (const row of strays) this.#intake.addStray(row);
    tellLost(this.#log, strays, reason);
    for (const start of new Set(strays.map(({ start }) => start))) {
      if (!start.every((row) => row.stray || row.stage === "done")) continue;
      start[0].generation.cancel(start.map(({ invocation }) => invocation), "the broker took the message back");
    }
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
    if (generation.definition.dedupe !== undefined && this.#duplicates) void this.#duplicates.claim(start, generation);
    else this.#proceed(start, generation);
  }

  /** What is left of a start after `dedupe`. */
  #claimed(rest: readonly Row[], generation: Generation): void {
    if (rest.some((row) => this.#phase.aborting || !row.delivery.live)) return this.#runOnTrial(rest, generation);
    if (rest.length > 0) return this.#proceed(rest, generation);
    this.#waiting.leave();
    this.#startNext();
  }

  /** A message with its id runs now: later it is seen how that ended. */
  #putOff(row: Row, delay: number): void {
    if (!this.#phase.open) return void this.#ending.return([row]);
    this.#waiting.putBack(row, delay);
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
    if (!this.#rows.delete(row.id)) return;
    row.stage = "done";
    this.#options.surroundings.tracing?.leave(row.invocation);
    if (row.claim !== undefined) this.#dedupe?.release(row);
    this.#ending.forget(row);
    this.#intake.forget(row);
    if (this.#rows.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
