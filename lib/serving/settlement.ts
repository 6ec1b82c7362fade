import { describeError } from "../base/errors.ts";
import { deadLetterQueue } from "../invocation/definition/definition.ts";
import type { Outcome } from "../invocation/outcome.ts";
import { readTrace } from "../invocation/trace_context.ts";
import type { Logger } from "../base/log.ts";
import type { Conclusion } from "./conclude.ts";
import type { Row } from "./row.ts";
import type { Surroundings } from "./surroundings.ts";

type Completed = Outcome & { kind: "completed" };
export type Failed = Exclude<Outcome, { kind: "completed" | "abandoned" }>;
type Copied = Conclusion & { kind: "retry" | "deadLetter" | "again" };

/** Whether nothing has to be published before the row is acked. */
export function leavesNothing({ invocation }: Row, { outputs, result }: Completed): boolean {
  return !outputs?.length && !result && invocation.properties.replyTo === undefined;
}

/**
 * The last stage: publishes what a row leaves behind, by the version that began it, and settles its delivery after that.
 * What cannot be published is not acked: losing a message is worse than running it twice.
 */
export class Settlement {
  readonly #surroundings: Pick<Surroundings, "outputs" | "settler">;
  readonly #log: Logger;

  constructor(surroundings: Pick<Surroundings, "outputs" | "settler">, log: Logger) {
    this.#surroundings = surroundings;
    this.#log = log;
  }

  /** Publishes the outputs and the answer, and calls back. Outputs that nobody can take make it a failure. */
  publish(row: Row, outcome: Completed, onEnd: (outcome: Completed | Failed, row: Row) => void): void {
    this.#surroundings.outputs.publish(handled(row), outcome, onLeft, { row, outcome, onEnd });
  }

  /** Logs how a row failed, and what becomes of it. */
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

  /** Calls back once the copy is with the broker and the delivery is acked, or the delivery is gone. */
  copy(row: Row, outcome: Failed, conclusion: Copied, onEnd: (error: unknown, row: Row) => void): void {
    const { outputs, settler } = this.#surroundings;
    const { invocation, delivery, generation: { definition } } = row;
    const about = { definition, invocation };
    if (conclusion.kind === "retry") return settler.settle(delivery, conclusion, about, onEnd, row);
    if (conclusion.kind === "again") {
      const { failure } = conclusion;
      const again = { kind: "retry", delay: 0, attempt: invocation.attempt, failure } as const;
      return settler.settle(delivery, again, about, onEnd, row);
    }
    const settle = () => settler.settle(delivery, conclusion, about, onEnd, row);
    if (invocation.properties.replyTo === undefined) settle();
    else outputs.refuse(handled(row), outcome.kind, outcome.failure).then(settle).catch((error) => onEnd(error, row));
  }

  /** Puts a copy in its place, whose returns count anew; false where that was not possible. */
  setAside({ invocation, delivery, generation: { definition } }: Row): Promise<boolean> {
    return this.#surroundings.settler.setAside(delivery, { definition, invocation });
  }
}

/** A row whose outcome may yet be another. */
interface Published {
  readonly row: Row;
  readonly outcome: Completed;
  readonly onEnd: (outcome: Completed | Failed, row: Row) => void;
}

function onLeft(error: unknown, { row, outcome, onEnd }: Published): void {
  if (error === undefined) onEnd(outcome, row);
  else onEnd({ kind: "failed", failure: { type: "PublishError", message: describeError(error) } }, row);
}

function handled({ invocation, delivery, generation: { definition } }: Row) {
  return { definition, invocation, delivery };
}
