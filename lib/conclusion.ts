import type { Delivery } from "./amqp/consumer.ts";
import type { Outputs } from "./amqp/outputs.ts";
import type { Settler } from "./amqp/settle.ts";
import { describeError } from "./errors.ts";
import type { FunctionDefinition } from "./invocation/definition.ts";
import type { Disposition, Outcome } from "./invocation/outcome.ts";
import { decide } from "./invocation/retry_policy.ts";
import type { DeliveredInvocation } from "./invocation/sandbox.ts";
import { readTrace } from "./invocation/trace_context.ts";
import type { Logger } from "./log.ts";

/** A delivery, and what its handler got of it. */
export interface Concluded {
  readonly delivery: Delivery;
  readonly invocation: DeliveredInvocation;
}

type Completed = Outcome & { kind: "completed" };
type Failed = Exclude<Outcome, { kind: "completed" | "abandoned" }>;
export type HeldRetry = Disposition & { kind: "retry" };

/** Does with a message what the outcome of its handler asks for. */
export class Conclusion {
  readonly #outputs: Outputs;
  readonly #settler: Settler;
  readonly #log: Logger;

  constructor({ outputs, settler }: { outputs: Outputs; settler: Settler }, log: Logger) {
    this.#outputs = outputs;
    this.#settler = settler;
    this.#log = log;
  }

  /** Publishes the outputs, which leave before the ack; what cannot be published makes it a failure. */
  async publish(
    definition: FunctionDefinition,
    { delivery, invocation }: Concluded,
    outcome: Completed,
  ): Promise<Outcome> {
    const nothing = !outcome.outputs?.length && !outcome.result && invocation.properties.replyTo === undefined;
    if (nothing) return outcome;
    try {
      await this.#outputs.publish({ definition, invocation, delivery }, outcome);
      return outcome;
    } catch (error) {
      return { kind: "failed", failure: { type: "PublishError", message: describeError(error) } };
    }
  }

  /** Settles a message that failed. Gives the retry of an ordered one, which keeps its place and is run again here. */
  async fail(
    definition: FunctionDefinition,
    { delivery, invocation }: Concluded,
    outcome: Failed,
  ): Promise<HeldRetry | undefined> {
    const { kind, failure } = outcome;
    const disposition = decide(outcome, invocation.attempt, definition.retry);
    this.#log.warn(`${kind}: ${failure.message}`, {
      messageId: invocation.properties.messageId,
      attempt: invocation.attempt,
      trace: readTrace(invocation.headers)?.traceId,
      ...(disposition.kind === "retry"
        ? { retryIn: disposition.delay }
        : { deadLetter: `${definition.queue.name}.dead` }),
      stack: failure.stack,
    });
    if (disposition.kind === "deadLetter") {
      await this.#outputs.refuse({ definition, invocation, delivery }, kind, failure);
    }
    if (disposition.kind === "retry" && definition.order) return disposition;
    await this.#settler.settle(delivery, disposition, { definition, invocation });
  }

  /** Puts a copy in its place, whose returns count anew; false where that was not possible. */
  setAside(definition: FunctionDefinition, { delivery, invocation }: Concluded): Promise<boolean> {
    return this.#settler.setAside(delivery, { definition, invocation });
  }
}
