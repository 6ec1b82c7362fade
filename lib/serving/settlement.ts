import type { Settled } from "../amqp/publishing/settle.ts";
import { describeError } from "../base/errors.ts";
import { deadLetterQueue } from "../invocation/definition/definition.ts";
import type { Outcome } from "../invocation/outcome.ts";
import { readTrace } from "../invocation/trace_context.ts";
import type { Logger } from "../base/log.ts";
import type { Conclusion } from "./conclude.ts";
import type { Row } from "./row.ts";
import type { Surroundings } from "./surroundings.ts";

type Completed = Outcome & { kind: "completed" };
export type NotCompleted = Exclude<Outcome, { kind: "completed" }>;
export type Failed = Exclude<NotCompleted, { kind: "abandoned" }>;
export type Copying = Conclusion & { kind: "retry" | "deadLetter" | "again" };

/** A row of which a copy is published. */
export interface Copied {
  readonly row: Row;
  readonly outcome: Failed;
  readonly conclusion: Copying;
  readonly onEnd: OnCopied;
}

/** Called once the copy is confirmed and the delivery is acked, or the delivery is gone. Without `settled`, that failed. */
export type OnCopied = (copied: Copied, settled: Settled | undefined, error: unknown) => void;

/** Whether the row can be acked without publishing anything first. */
export function leavesNothing({ invocation }: Row, { outputs, result }: Completed): boolean {
  return !outputs?.length && !result && invocation.properties.replyTo === undefined;
}

/**
 * The last stage: publishes what a row leaves behind, by the version that began it, and settles its delivery after that.
 * What cannot be published is not acked: losing a message is worse than running it twice.
 */
export class Settlement {
  readonly #surroundings: Pick<Surroundings, "outputs" | "settler" | "alerts">;
  readonly #log: Logger;

  constructor(surroundings: Pick<Surroundings, "outputs" | "settler" | "alerts">, log: Logger) {
    this.#surroundings = surroundings;
    this.#log = log;
  }

  /**
   * Publishes the outputs and the answer, notes the outputs' ids in the row, and calls back. If nobody takes an output, the
   * invocation has failed.
   */
  publish(row: Row, outcome: Completed, onEnd: (outcome: Completed | Failed, row: Row) => void): void {
    this.#surroundings.outputs.publish(handled(row), outcome, onLeft, { row, outcome, onEnd });
  }

  /** Logs how a row failed, and what happens to it. */
  tell({ invocation, generation }: Row, { kind, failure }: Failed, conclusion: Conclusion): void {
    const next = conclusion.kind === "deadLetter"
      ? { deadLetter: deadLetterQueue(generation.definition.queue.name) }
      : conclusion.kind === "again" || conclusion.kind === "giveBack"
      ? { probe: "costs no attempt" }
      : { retryIn: "delay" in conclusion ? conclusion.delay : 0 };
    this.#log.warn(`${kind}: ${failure.message}`, {
      messageId: invocation.properties.messageId,
      attempt: invocation.attempt,
      trace: readTrace(invocation.headers)?.traceId,
      ...next,
      stack: failure.stack,
    });
  }

  /** Publishes the copy and acks the delivery. */
  copy(row: Row, outcome: Failed, conclusion: Copying, onEnd: OnCopied): void {
    const copied = { row, outcome, conclusion, onEnd };
    const { invocation: { properties: { replyTo } }, generation: { definition: { onDead } } } = row;
    const untold = conclusion.kind !== "deadLetter" || (replyTo === undefined && onDead === undefined);
    if (untold) return this.#copy(copied);
    this.#tellOthers(copied).then(() => this.#copy(copied)).catch((error) => onEnd(copied, undefined, error));
  }

  /** The answer and the alert are published first, because the copy may be tried several times. */
  async #tellOthers({ row, outcome, conclusion }: Copied): Promise<void> {
    const { outputs, alerts } = this.#surroundings;
    await outputs.refuse(handled(row), outcome.kind, outcome.failure);
    if (conclusion.kind !== "deadLetter") return;
    await alerts?.publish({ ...handled(row), reason: conclusion.reason, failure: conclusion.failure });
  }

  #copy(copied: Copied): void {
    const { row: { invocation, delivery, generation: { definition } }, conclusion } = copied;
    const disposition = conclusion.kind === "again"
      ? { kind: "retry" as const, delay: 0, attempt: invocation.attempt, failure: conclusion.failure }
      : conclusion;
    this.#surroundings.settler.settle(delivery, disposition, { definition, invocation }, onSettled, copied);
  }

  /** Replaces the message by a copy, whose return count is 0. False if that was not possible. */
  setAside({ invocation, delivery, generation: { definition } }: Row): Promise<boolean> {
    return this.#surroundings.settler.setAside(delivery, { definition, invocation });
  }
}

/** A row whose outputs are published. */
interface Published {
  readonly row: Row;
  readonly outcome: Completed;
  readonly onEnd: (outcome: Completed | Failed, row: Row) => void;
}

function onLeft(error: unknown, { row, outcome, onEnd }: Published, ids: readonly string[]): void {
  if (error !== undefined) {
    return onEnd({ kind: "failed", failure: { type: "PublishError", message: describeError(error) } }, row);
  }
  row.published = ids;
  onEnd(outcome, row);
}

function onSettled(error: unknown, copied: Copied, settled: Settled): void {
  copied.onEnd(copied, error === undefined ? settled : undefined, error);
}

function handled({ invocation, delivery, generation: { definition } }: Row) {
  return { definition, invocation, delivery };
}
