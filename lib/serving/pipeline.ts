import type { Delivery } from "../amqp/consumer.ts";
import { malformed, toInvocation } from "../amqp/headers.ts";
import { describeError } from "../errors.ts";
import type { FunctionDefinition } from "../invocation/definition.ts";
import { noOutcomes, type Outcome } from "../invocation/outcome.ts";
import type { Logger } from "../log.ts";
import { Admission } from "./admission.ts";
import { Batcher } from "./batcher.ts";
import { blamesDependency, conclude, type Conclusion } from "./conclude.ts";
import type { Generation } from "./generation.ts";
import { Holding } from "./holding.ts";
import type { KillSwitch } from "./kill_switch.ts";
import { isSameMessage, type Row } from "./row.ts";
import { leavesNothing, Settlement } from "./settlement.ts";
import { tellLost } from "./lost.ts";
import type { Surroundings } from "./surroundings.ts";
import { crashLoop, isSuspect, type Suspect } from "./suspects.ts";
import { TIMERS, type Timers } from "./timers.ts";

export interface PipelineOptions {
  surroundings: Pick<Surroundings, "suspects" | "outputs" | "settler" | "timers">;
  log: Logger;
  /** The version that takes messages from the beginning on. */
  generation: Generation;
  /** Resolves once the broker sends nothing more to a consumer that was stopped. */
  quiet(): Promise<void>;
  /** What counts the failures now. */
  killSwitch(): KillSwitch | undefined;
  /** A version could not run what it was to run, through no fault of the message. */
  onAbandoned(generation: Generation, reason: string): void;
  /** Milliseconds for a message to be settled. @default 20 minutes */
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
  readonly #options: PipelineOptions;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #settlement: Settlement;
  readonly #rows = new Set<Row>();
  readonly #admission: Admission<readonly Row[]>;
  /** Rows that wait for something else than a free place, and what ends their waiting. */
  readonly #held = new Map<Row, () => void>();
  readonly #strays = new Set<Row>();
  readonly #settling: Holding<Row>;
  readonly #idle = new Set<() => void>();
  #batcher: Batcher<Row>;
  #generation: Generation;
  #open = true;
  #aborting = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#timers = options.surroundings.timers ?? TIMERS;
    this.#log = options.log;
    this.#generation = options.generation;
    this.#settlement = new Settlement(options.surroundings, options.log);
    const { concurrency, rateLimit: rate } = options.generation.definition;
    this.#admission = new Admission({
      concurrency,
      rate,
      isOver: (start) => this.#isOver(start),
      onRoom: () => this.#startNext(),
      timers: this.#timers,
    });
    this.#batcher = this.#collect();
    const { patience = PATIENCE } = options;
    this.#settling = new Holding({ patience, onOverdue: (row) => this.#giveUp(row), timers: this.#timers });
  }

  /** Rows that are not done. */
  get size(): number {
    return this.#rows.size;
  }

  /** 1. Takes a group of deliveries from the queue of that definition. */
  receive(deliveries: readonly Delivery[], from: FunctionDefinition): void {
    const rows = deliveries.map((delivery) => this.#row(delivery));
    if (!this.#open || !sameSource(from, this.#generation.definition)) return void this.#return(rows);
    for (const row of rows) this.#admit(row);
    this.#startNext();
  }

  /** Another version takes messages. What has not begun goes over to it, or back where that has another queue. */
  become(generation: Generation): void {
    const { definition } = generation;
    const stays = sameSource(this.#generation.definition, definition);
    this.#generation = generation;
    this.#admission.become(definition.concurrency, definition.rateLimit);
    const waiting = stays ? this.#takeStarts() : this.#takeWaiting();
    this.#batcher = this.#collect();
    if (!stays) return void this.#return(waiting);
    for (const row of waiting) this.#enqueue(row);
    this.#startNext();
  }

  /** Rows start again. */
  open(): void {
    this.#open = true;
  }

  /** Nothing starts any more, and what has not begun goes back. Resolves once it has. */
  close(): Promise<void> {
    this.#open = false;
    return this.#return(this.#takeWaiting());
  }

  /** From now on what fails was aborted: it goes back untouched. */
  abort(): void {
    this.#aborting = true;
  }

  /** Resolves once no row is left. */
  async empty(): Promise<void> {
    if (this.#rows.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
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

  #row(delivery: Delivery): Row {
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
      followers: [],
    };
    this.#rows.add(row);
    return row;
  }

  /** 2. Suspects have a desk of their own, and what still runs here waits for its own end. */
  #admit(row: Row): void {
    for (const stray of this.#strays) {
      if (!isSameMessage(stray, row)) continue;
      stray.followers.push(row);
      this.#held.set(row, () => {});
      return;
    }
    if (!this.#isSuspect(row)) return this.#enqueue(row);
    const failure = crashLoop(row.invocation);
    if (failure) return this.#conclude(row, { kind: "crashed", failure, final: true });
    row.suspect = this.#suspect(row);
    this.#options.surroundings.suspects.add(row.suspect);
  }

  #enqueue(row: Row): void {
    const batch = this.#batcher.add(row);
    if (batch) this.#admission.add(batch);
  }

  /** One by one, unless the function wants batches. */
  #collect(): Batcher<Row> {
    const { size, wait } = this.#generation.definition.batch ?? { size: 1, wait: 0 };
    return new Batcher({ size, wait, onDue: (batch) => this.#startSoon(batch), timers: this.#timers });
  }

  #startSoon(start: readonly Row[]): void {
    this.#admission.add(start);
    this.#startNext();
  }

  #startNext(): void {
    if (!this.#open) return;
    for (let starts = this.#admission.take(); starts.length > 0; starts = this.#admission.take()) {
      for (const start of starts) this.#begin(start);
    }
  }

  /** What waited while its delivery went away takes no place. */
  #isOver(start: readonly Row[]): boolean {
    for (const row of start) if (row.stage === "waiting" && !row.delivery.live) this.#finish(row);
    return start.every(({ stage }) => stage !== "waiting");
  }

  /** 3. Headers that cannot be read are an outcome, and take no others of their batch with them. */
  #begin(admitted: readonly Row[]): void {
    const generation = this.#generation;
    const era = this.#options.killSwitch()?.era;
    const start: Row[] = [];
    for (const row of admitted) {
      if (row.stage !== "waiting") continue;
      row.stage = "running";
      row.start = start;
      row.era = era;
      if (row.generation !== generation) this.#takeOver(row);
      const failure = malformed(row.invocation.headers);
      if (failure) this.#conclude(row, { kind: "undecodable", failure });
      else start.push(row);
    }
    if (start.length === 0) return this.#admission.leave();
    generation.run(start.map(({ invocation }) => invocation), (outcomes) => {
      this.#admission.leave();
      start.forEach((row, index) => this.#conclude(row, outcomes[index]));
      this.#startNext();
    });
  }

  /** The version that runs it may want what its handler returns, where the one that took it did not. */
  #takeOver(row: Row): void {
    row.generation = this.#generation;
    const { wantsResult } = toInvocation(row.delivery.message, row.generation.definition);
    row.invocation = { ...row.invocation, wantsResult };
  }

  /** 4. Nothing of a row whose delivery is gone is published: it is run again. */
  #conclude(row: Row, outcome: Outcome): void {
    row.stage = "settling";
    if (!row.delivery.live) return this.#endLate(row, outcome);
    if (outcome.kind === "completed" && leavesNothing(row, outcome)) return this.#ack(row);
    this.#settling.add(row);
    void this.#settle(row, outcome).catch((error) => {
      this.#log.error(`a delivery could not be settled: ${describeError(error)}`);
      this.#giveUp(row);
      this.#finish(row);
    });
  }

  /** 5. */
  async #settle(row: Row, ended: Outcome): Promise<void> {
    const outcome = ended.kind === "completed" ? await this.#settlement.publish(row, ended) : ended;
    if (!row.delivery.live) return this.#endLate(row, outcome);
    if (outcome.kind === "completed") return this.#ack(row);
    const conclusion = this.#conclusionOf(row, outcome);
    if (outcome.kind === "abandoned" || this.#aborting) {
      if (!this.#aborting) this.#options.onAbandoned(row.generation, String("reason" in outcome && outcome.reason));
      return await this.#return([row]);
    }
    this.counts[outcome.kind]++;
    this.#settlement.tell(row, outcome, conclusion);
    if (blamesDependency(outcome)) this.#record(row, true);
    if (conclusion.kind === "giveBack") return await this.#return([row]);
    if (conclusion.kind === "hold") return this.#hold(row, conclusion.delay, conclusion.attempt);
    // The copy would come straight to the consumer that is being stopped.
    if (conclusion.kind === "again") await this.#options.quiet();
    if (conclusion.kind !== "ack") await this.#settlement.copy(row, outcome, conclusion);
    this.#finish(row);
  }

  #conclusionOf({ invocation: { attempt }, generation: { definition }, era }: Row, outcome: Outcome): Conclusion {
    const { retry, order } = definition;
    const probe = this.#options.killSwitch()?.isProbe(era) ?? false;
    return conclude(outcome, { attempt, retry, ordered: order !== undefined, aborting: this.#aborting, probe });
  }

  #ack(row: Row): void {
    this.counts.completed++;
    row.delivery.ack();
    this.#record(row, false);
    this.#finish(row);
  }

  #record({ era }: Row, failed: boolean): void {
    if (era) this.#options.killSwitch()?.record(failed, era);
  }

  /** An ordered message keeps its place, and its key waits. */
  #hold(row: Row, delay: number, attempt: number): void {
    if (!this.#open) return void this.#return([row]);
    this.#settling.delete(row);
    row.stage = "waiting";
    row.invocation = { ...row.invocation, attempt };
    this.#held.set(
      row,
      this.#timers.after(delay, () => {
        this.#held.delete(row);
        this.#startSoon([row]);
      }),
    );
  }

  #endLate(row: Row, outcome: Outcome): void {
    const about = { messageId: row.invocation.properties.messageId, attempt: row.invocation.attempt };
    if (outcome.kind === "completed") {
      this.#log.warn("the handler completed after the broker had taken its message back; it will run again", about);
    } else if (outcome.kind !== "abandoned") {
      this.#log.info(`the handler ended after the broker had taken its message back: ${outcome.kind}`, about);
    }
    this.#finish(row);
  }

  /** Back to the queue, after the broker sends nothing more to a consumer that stops: it would come straight back to it. */
  async #return(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    for (const row of rows) row.stage = "settling";
    await this.#options.quiet();
    await Promise.all(rows.map((row) => this.#returnOne(row)));
  }

  /** Of a suspect as a copy, since the broker counts returns in peace as well. */
  async #returnOne(row: Row): Promise<void> {
    const setAside = row.delivery.live && this.#isSuspect(row) && await this.#settlement.setAside(row);
    if (!setAside) row.delivery.requeue();
    this.#finish(row);
  }

  /** No row is held for ever: the broker would close the channel in the end, and take all the others back as well. */
  #giveUp(row: Row): void {
    this.#log.error("a message could not be settled for too long; it goes back to its queue", {
      messageId: row.invocation.properties.messageId,
    });
    row.delivery.requeue();
  }

  /** All rows that wait for a place. */
  #takeStarts(): Row[] {
    return [...this.#admission.clear().flat(), ...this.#batcher.clear()].filter(({ stage }) => stage === "waiting");
  }

  /** All rows that have not begun. */
  #takeWaiting(): Row[] {
    const held = [...this.#held.keys()];
    for (const cancel of this.#held.values()) cancel();
    this.#held.clear();
    this.#options.surroundings.suspects.withdraw(this);
    return [...this.#takeStarts(), ...held].filter(({ stage }) => stage === "waiting");
  }

  /** A message of an ordered function keeps its place: no copy of it can be made. */
  #isSuspect({ invocation, generation }: Row): boolean {
    return !generation.definition.order && isSuspect(invocation);
  }

  /** Alone, and in no batch with others. */
  #suspect(row: Row): Suspect {
    const waits = () => row.stage === "waiting";
    const suspect: Suspect = {
      owner: this,
      invocation: row.invocation,
      start: () => waits() ? this.#startSoon([row]) : this.#options.surroundings.suspects.leave(suspect),
      giveBack: () => waits() ? void this.#return([row]) : undefined,
      setAside: async () => {
        if (waits() && row.delivery.live && !await this.#settlement.setAside(row)) return false;
        this.#finish(row);
        return true;
      },
    };
    return suspect;
  }

  #finish(row: Row): void {
    if (!this.#rows.delete(row)) return;
    row.stage = "done";
    this.#settling.delete(row);
    this.#strays.delete(row);
    this.#held.get(row)?.();
    this.#held.delete(row);
    if (row.suspect) this.#options.surroundings.suspects.leave(row.suspect);
    this.#release(row.followers);
    if (this.#rows.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  /** What waited for the end of the same message. */
  #release(followers: Row[]): void {
    const waiting = followers.splice(0).filter((row) => this.#held.delete(row));
    if (waiting.length === 0) return;
    for (const row of waiting) this.#admit(row);
    this.#startNext();
  }
}

const NOTHING: readonly Row[] = [];
/** Below the 30 minutes after which RabbitMQ closes the channel of a delivery that is not settled. */
const PATIENCE = 20 * 60_000;

/** Whether messages of the one can be run as messages of the other: they are of the same queue, and as free. */
export function sameSource(one: FunctionDefinition, other: FunctionDefinition): boolean {
  return one === other ||
    JSON.stringify([one.queue, one.order]) === JSON.stringify([other.queue, other.order]);
}
