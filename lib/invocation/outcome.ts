import { describeError, UNSEEN } from "../base/errors.ts";
import type { Publication } from "./publication.ts";

/** An error as data: what crosses from a sandbox and travels in a dead letter's headers. */
export interface Failure {
  /** The error's class: `TypeError`. */
  readonly type: string;
  readonly message: string;
  /** Bounded; absent where nothing was thrown. */
  readonly stack?: string;
  /** What a schema found wrong with the body. */
  readonly issues?: readonly Issue[];
}

/** One thing that is wrong with a body. */
export interface Issue {
  readonly message: string;
  /** Where in the body, as `items.0.price`; empty for all of it. */
  readonly path: string;
}

/** What a handler returned, as bytes. */
export interface Result {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
}

/** How an invocation ended. */
export type Outcome =
  /** With what it published, and what it returned where that was asked for. */
  | { readonly kind: "completed"; readonly outputs?: readonly Publication[]; readonly result?: Result }
  /** The handler threw; `delay` is what it asked for, in milliseconds. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly delay?: number }
  | { readonly kind: "timedOut"; readonly failure: Failure }
  /** The handler threw `Reject`. */
  | { readonly kind: "rejected"; readonly failure: Failure }
  /** Its process ended before it settled; `final` where it must not run again. */
  | { readonly kind: "crashed"; readonly failure: Failure; readonly final?: boolean }
  | { readonly kind: "undecodable"; readonly failure: Failure }
  /** The body is not what the function's `input` lets through. */
  | { readonly kind: "invalid"; readonly failure: Failure }
  /** It did not run, or was stopped with the runner: the message goes back untouched. */
  | { readonly kind: "abandoned"; readonly reason: string };

export type OutcomeKind = Outcome["kind"];

/** How many invocations ended in each way; those that were given back did not end. */
export type OutcomeCounts = Record<Exclude<OutcomeKind, "abandoned">, number>;

export function noOutcomes(): OutcomeCounts {
  return { completed: 0, failed: 0, timedOut: 0, rejected: 0, crashed: 0, undecodable: 0, invalid: 0 };
}

/** What is done with the delivery. */
export type Disposition =
  | { readonly kind: "ack" }
  /** Again after `delay` milliseconds, as attempt `attempt`. */
  | { readonly kind: "retry"; readonly delay: number; readonly attempt: number; readonly failure: Failure }
  | { readonly kind: "deadLetter"; readonly reason: string; readonly failure: Failure }
  | { readonly kind: "requeue" };

/** Longer stacks and messages are cut: headers must fit into one AMQP frame. */
const MAX_TYPE = 128;
const MAX_MESSAGE = 2_048;
const MAX_STACK = 8_192;

/** Anything that was thrown, as data. Never throws itself, whatever that was. */
export function toFailure(error: unknown): Failure {
  try {
    if (!(error instanceof Error)) return boundedFailure({ type: typeof error, message: describeError(error) });
    const type = String(error.name || error.constructor?.name || "Error");
    return boundedFailure({ type, message: String(error.message), stack: error.stack });
  } catch {
    return { type: typeof error, message: UNSEEN };
  }
}

/** A failure that came from elsewhere, as text that fits. */
export function boundedFailure(failure: { type: unknown; message: unknown; stack?: unknown }): Failure {
  const type = String(failure.type).slice(0, MAX_TYPE);
  const message = String(failure.message).slice(0, MAX_MESSAGE);
  return typeof failure.stack === "string"
    ? { type, message, stack: failure.stack.slice(0, MAX_STACK) }
    : { type, message };
}
