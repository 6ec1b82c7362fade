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
export type Copying = Conclusion & { kind: "retry" | "deadLetter" | "again" };
type Failed = Exclude<Outcome, { kind: "completed" | "abandoned" }>;

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
   * Publishes the outputs and the answer, and notes the outputs' ids in the row. If nobody takes an output, the invocation has
   * failed.
   */
  async publish(row: Row, outcome: Completed): Promise<Outcome> {
    try {
      row.published = await this.#surroundings.outputs.publish(handled(row), outcome);
      return outcome;
    } catch (error) {
      return { kind: "failed", failure: { type: "PublishError", message: describeError(error) } };
    }
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

  /** Resolves once the copy is confirmed and the delivery is acked, or once the delivery is gone. */
  async copy(row: Row, outcome: Failed, conclusion: Copying): Promise<Settled> {
    const { outputs, settler, alerts } = this.#surroundings;
    const { invocation, delivery } = row;
    const { definition } = row.generation;
    if (conclusion.kind === "deadLetter") await outputs.refuse(handled(row), outcome.kind, outcome.failure);
    if (conclusion.kind === "deadLetter" && definition.onDead !== undefined) {
      await alerts?.publish({ ...handled(row), reason: conclusion.reason, failure: conclusion.failure });
    }
    const disposition = conclusion.kind === "again"
      ? { kind: "retry" as const, delay: 0, attempt: invocation.attempt, failure: conclusion.failure }
      : conclusion;
    return await settler.settle(delivery, disposition, { definition, invocation });
  }

  /** Replaces the message by a copy, whose return count is 0. False if that was not possible. */
  setAside({ invocation, delivery, generation: { definition } }: Row): Promise<boolean> {
    return this.#surroundings.settler.setAside(delivery, { definition, invocation });
  }
}

function handled({ invocation, delivery, generation: { definition } }: Row) {
  return { definition, invocation, delivery };
}
