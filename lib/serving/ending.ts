import type { Settled } from "../amqp/publishing/settle.ts";
import { describeError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { Holding } from "../base/time/holding.ts";
import { TIMERS } from "../base/time/timers.ts";
import { noOutcomes, type Outcome } from "../invocation/outcome.ts";
import { blamesDependency, conclude, type Conclusion } from "./conclude.ts";
import type { Dedupe } from "./flow/dedupe.ts";
import type { KillSwitch } from "./flow/kill_switch.ts";
import { isSuspect } from "./flow/suspects.ts";
import type { Generation } from "./generation.ts";
import { ACKED, LOST, nextOf, type Reports, RETURNED } from "./reports.ts";
import type { Row } from "./row.ts";
import {
  type Copied,
  type Copying,
  type Failed,
  leavesNothing,
  type NotCompleted,
  type OnCopied,
  Settlement,
} from "./settlement.ts";
import type { Surroundings } from "./surroundings.ts";

/** How far a pipeline is: shared by its halves. */
export interface Phase {
  /** Rows may start. */
  open: boolean;
  /** Failures are due to the abort: the messages return unchanged. */
  aborting: boolean;
}

export interface EndingOptions {
  surroundings: Pick<Surroundings, "outputs" | "settler" | "alerts" | "timers">;
  log: Logger;
  phase: Readonly<Phase>;
  reports: Reports;
  dedupe: Dedupe | undefined;
  /** Resolves once the broker sends nothing more to a consumer that was stopped. */
  quiet(): Promise<void>;
  /** Counts failures. */
  killSwitch(): KillSwitch | undefined;
  /** A version could not run its messages, for a reason that has nothing to do with them. */
  onAbandoned(generation: Generation, reason: string): void;
  /** The row waits in its place, for so many milliseconds. */
  hold(row: Row, delay: number): void;
  /** Nothing is left to do for the row. */
  finish(row: Row): void;
  /** Milliseconds that a message may take to be settled. @default 20 minutes */
  patience?: number;
}

/** The second half of a pipeline: from the outcome of a row to the end of its delivery. See pipeline.ts. */
export class Ending {
  readonly counts = noOutcomes();
  readonly #options: EndingOptions;
  readonly #log: Logger;
  readonly #phase: Readonly<Phase>;
  readonly #settlement: Settlement;
  readonly #settling: Holding<Row>;
  // One function for all rows: a closure for each would keep its row until the next full garbage collection.
  readonly #onPublished = (outcome: Outcome, row: Row) => this.#published(row, outcome);
  readonly #onCopied: OnCopied = (copied, settled, error) => this.#copied(copied, settled, error);

  constructor(options: EndingOptions) {
    const { surroundings, log, phase, patience = PATIENCE } = options;
    this.#options = options;
    this.#log = log;
    this.#phase = phase;
    this.#settlement = new Settlement(surroundings, log);
    this.#settling = new Holding({
      patience,
      onOverdue: (row) => this.#giveUp(row, `it was tried for ${patience / 60_000} minutes`),
      timers: surroundings.timers ?? TIMERS,
    });
  }

  /** The row is done, however that came. */
  forget(row: Row): void {
    this.#settling.delete(row);
  }

  /** 4. If the delivery is gone, nothing is published: the message runs again. */
  conclude(row: Row, outcome: Outcome): void {
    row.stage = "settling";
    row.endedAt = this.#options.reports.now();
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
    const wasLoading = outcome.kind === "abandoned" && !this.#phase.aborting;
    if (wasLoading) this.#options.onAbandoned(row.generation, outcome.reason);
    if (outcome.kind === "abandoned" || this.#phase.aborting) return this.return([row]);
    this.counts[outcome.kind]++;
    this.#settlement.tell(row, outcome, conclusion);
    if (blamesDependency(outcome)) this.#record(row, true);
    if (conclusion.kind === "giveBack") return this.#giveBack(row, outcome);
    if (conclusion.kind === "hold") {
      const { delay, attempt } = conclusion;
      this.#options.reports.ended(row, outcome, this.#phase.open ? { kind: "retry", delay, attempt } : RETURNED);
      return void this.#hold(row, delay, attempt);
    }
    if (conclusion.kind === "ack") return void this.#options.finish(row);
    // Otherwise the copy would go straight to the consumer that is being stopped.
    if (conclusion.kind === "again") return this.#again(row, outcome, conclusion);
    this.#settlement.copy(row, outcome, conclusion, this.#onCopied);
  }

  async #giveBack(row: Row, outcome: Failed): Promise<void> {
    await this.return([row]);
    this.#options.reports.ended(row, outcome, RETURNED);
  }

  async #again(row: Row, outcome: Failed, conclusion: Copying): Promise<void> {
    await this.#options.quiet();
    this.#settlement.copy(row, outcome, conclusion, this.#onCopied);
  }

  #copied({ row, outcome, conclusion }: Copied, settled: Settled | undefined, error: unknown): void {
    if (settled === undefined) return this.#fail(row, outcome, error);
    this.#options.reports.ended(row, outcome, nextOf(conclusion, settled));
    this.#options.finish(row);
  }

  /** It could not be settled. */
  #fail(row: Row, outcome: Outcome, error: unknown): void {
    this.#giveUp(row, describeError(error));
    this.#options.reports.ended(row, outcome, RETURNED);
    this.#options.finish(row);
  }

  #conclusionOf({ invocation: { attempt }, generation: { definition }, era }: Row, outcome: Outcome): Conclusion {
    const { retry, order } = definition;
    const probe = this.#options.killSwitch()?.isProbe(era) ?? false;
    return conclude(outcome, { attempt, retry, ordered: order !== undefined, aborting: this.#phase.aborting, probe });
  }

  #ack(row: Row, outcome: Outcome): void {
    this.counts.completed++;
    row.delivery.ack();
    if (row.claim !== undefined) this.#options.dedupe?.done(row);
    this.#record(row, false);
    this.#options.reports.ended(row, outcome, ACKED);
    this.#options.finish(row);
  }

  #record({ era }: Row, failed: boolean): void {
    if (era) this.#options.killSwitch()?.record(failed, era);
  }

  /** An ordered message keeps its place, and its key waits. */
  #hold(row: Row, delay: number, attempt: number): void {
    if (!this.#phase.open) return void this.return([row]);
    this.#settling.delete(row);
    if (row.claim !== undefined) this.#options.dedupe?.release(row);
    row.invocation = { ...row.invocation, attempt };
    this.#options.hold(row, delay);
  }

  #endLate(row: Row, outcome: Outcome): void {
    const about = { messageId: row.invocation.properties.messageId, attempt: row.invocation.attempt };
    if (outcome.kind === "completed") {
      this.#log.warn("the handler completed after the broker had taken its message back; it will run again", about);
    } else if (outcome.kind !== "abandoned") {
      this.#log.info(`the handler ended after the broker had taken its message back: ${outcome.kind}`, about);
    }
    this.#options.reports.ended(row, outcome, LOST);
    this.#options.finish(row);
  }

  /**
   * Returns to the queue, after the broker has stopped sending to a stopping consumer, which would get it again at
   * once.
   */
  async return(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    for (const row of rows) row.stage = "settling";
    await this.#options.quiet();
    await Promise.all(rows.map((row) => this.#returnOne(row)));
  }

  /** Suspects return as a copy, since brokers count every return. */
  async #returnOne(row: Row): Promise<void> {
    const setAside = row.delivery.live && this.isSuspect(row) && await this.#settlement.setAside(row);
    if (!setAside) row.delivery.requeue();
    this.#options.finish(row);
  }

  /** No row is held for ever: the broker would close the channel in the end, and take all the others back as well. */
  #giveUp(row: Row, why: string): void {
    const { messageId } = row.invocation.properties;
    this.#log.error(`a message could not be settled; it goes back to its queue: ${why}`, { messageId });
    row.delivery.requeue();
  }

  /** An ordered message keeps its place, so it cannot be copied. */
  isSuspect({ invocation, generation }: Row): boolean {
    return !generation.definition.order && isSuspect(invocation);
  }

  async setAside(row: Row): Promise<boolean> {
    if (row.delivery.live && !await this.#settlement.setAside(row)) return false;
    this.#options.finish(row);
    return true;
  }
}

/** Less than the 30 minutes after which RabbitMQ closes the channel of an unsettled delivery. */
const PATIENCE = 20 * 60_000;
