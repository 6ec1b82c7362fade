import { describeError, UNSEEN } from "../base/errors.ts";
import type { Publication } from "./publication.ts";

/** An error as data. It is sent from a sandbox and stored in a dead letter's headers. */
export interface Failure {
  /** The error's class, as in `TypeError`. */
  readonly type: string;
  readonly message: string;
  /** Shortened if necessary. Undefined if nothing was thrown. */
  readonly stack?: string;
  /** The problems that a schema found in the body. */
  readonly issues?: readonly Issue[];
}

/** One problem in a body. */
export interface Issue {
  readonly message: string;
  /** Path in the body, as in `items.0.price`. Empty for the whole body. */
  readonly path: string;
}

/** The handler's return value, encoded. */
export interface Result {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
}

/** How an invocation ended. */
export type Outcome =
  /** With the published messages, and the return value if it is needed. */
  | { readonly kind: "completed"; readonly outputs?: readonly Publication[]; readonly result?: Result }
  /** The handler threw. `delay` is the delay that it asked for, in milliseconds. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly delay?: number }
  | { readonly kind: "timedOut"; readonly failure: Failure }
  /** The handler threw `Reject`. */
  | { readonly kind: "rejected"; readonly failure: Failure }
  /** Its process ended before the handler did. `final` means that it must not run again. */
  | { readonly kind: "crashed"; readonly failure: Failure; readonly final?: boolean }
  | { readonly kind: "undecodable"; readonly failure: Failure }
  /** The body does not match the function's `input` schema. */
  | { readonly kind: "invalid"; readonly failure: Failure }
  /** It did not run, or the runner stopped it. The message returns to its queue unchanged. */
  | { readonly kind: "abandoned"; readonly reason: string };

export type OutcomeKind = Outcome["kind"];

/** Counts of outcomes. Abandoned invocations are not counted. */
export type OutcomeCounts = Record<Exclude<OutcomeKind, "abandoned">, number>;

export function noOutcomes(): OutcomeCounts {
  return { completed: 0, failed: 0, timedOut: 0, rejected: 0, crashed: 0, undecodable: 0, invalid: 0 };
}

/** What is done with the delivery. */
export type Disposition =
  | { readonly kind: "ack" }
  /** Retry after `delay` milliseconds, as attempt `attempt`. */
  | { readonly kind: "retry"; readonly delay: number; readonly attempt: number; readonly failure: Failure }
  | { readonly kind: "deadLetter"; readonly reason: string; readonly failure: Failure }
  | { readonly kind: "requeue" };

/** Longer stacks and messages are cut, since headers must fit into one AMQP frame. */
const MAX_TYPE = 128;
const MAX_MESSAGE = 2_048;
const MAX_STACK = 8_192;

/** Converts anything that was thrown to data. Never throws. */
export function toFailure(error: unknown): Failure {
  try {
    if (!(error instanceof Error)) return boundedFailure({ type: typeof error, message: describeError(error) });
    const type = String(error.name || error.constructor?.name || "Error");
    return boundedFailure({ type, message: String(error.message), stack: error.stack });
  } catch {
    return { type: typeof error, message: UNSEEN };
  }
}

/** A failure from another process, cut to the limits. */
export function boundedFailure(failure: { type: unknown; message: unknown; stack?: unknown }): Failure {
  const type = String(failure.type).slice(0, MAX_TYPE);
  const message = String(failure.message).slice(0, MAX_MESSAGE);
  return typeof failure.stack === "string"
    ? { type, message, stack: failure.stack.slice(0, MAX_STACK) }
    : { type, message };
}
