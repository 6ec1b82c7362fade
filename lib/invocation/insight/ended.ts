import type { FunctionDefinition } from "../definition/definition.ts";
import type { Outcome } from "../outcome.ts";
import type { DeliveredInvocation } from "../sandbox.ts";

/** What was decided about the message of an invocation. */
export type Next =
  /** The message is done: it was acknowledged. */
  | { readonly kind: "ack" }
  /** The message runs again as `attempt`, `delay` milliseconds later. */
  | { readonly kind: "retry"; readonly delay: number; readonly attempt: number }
  /** The message became a dead letter. */
  | { readonly kind: "deadLetter"; readonly reason: string }
  /** The message went back and runs again as the same attempt. */
  | { readonly kind: "return" };

/** How an invocation ended: every outcome but `abandoned`, which is none. */
export type FinalOutcome = Exclude<Outcome, { kind: "abandoned" }>;

/** One message of an invocation that ended. Times are milliseconds since 1970. */
export interface Ended {
  readonly definition: FunctionDefinition;
  readonly invocation: DeliveredInvocation;
  readonly outcome: FinalOutcome;
  readonly next: Next;
  /** When the runner received the message. */
  readonly receivedAt: number;
  /** When the handler was to begin. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * Watches invocations: run records, metrics and traces are observers. It is called for each message, so it must be cheap,
 * and it must not throw.
 */
export interface Observer {
  ended(ended: Ended): void;
}
