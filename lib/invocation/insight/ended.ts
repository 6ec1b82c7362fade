import type { FunctionDefinition } from "../definition/definition.ts";
import type { Outcome } from "../outcome.ts";
import type { DeliveredInvocation, Invocation } from "../sandbox.ts";

/** What was decided about the message of an invocation. */
export type Next =
  /**
   * The message is done: it was acknowledged. A `duplicate` did not run: the function has `dedupe`, and a message with the
   * same id was handled before.
   */
  | { readonly kind: "ack"; readonly duplicate?: true }
  /** The message runs again as `attempt`, `delay` milliseconds later. */
  | { readonly kind: "retry"; readonly delay: number; readonly attempt: number }
  /** The message became a dead letter. */
  | { readonly kind: "deadLetter"; readonly reason: string }
  /**
   * The message runs again as the same attempt: it went back to its queue. If `lost`, the broker took it back before it
   * could be settled, even if the handler completed.
   */
  | { readonly kind: "return"; readonly lost?: boolean };

/** How an invocation ended: every outcome but `abandoned`, which is none. */
export type FinalOutcome = Exclude<Outcome, { kind: "abandoned" }>;

/** One message of an invocation that ended. Times are milliseconds since 1970. */
export interface Ended {
  readonly definition: FunctionDefinition;
  readonly invocation: DeliveredInvocation;
  readonly outcome: FinalOutcome;
  readonly next: Next;
  /** The ids of the messages that it published, in their order. */
  readonly published: readonly string[];
  /** When the runner received the message. */
  readonly receivedAt: number;
  /** When the handler was to begin; equal to `endedAt` where it was not called. */
  readonly startedAt: number;
  /** When the handler ended. What it published is confirmed, and its message settled, a little later. */
  readonly endedAt: number;
}

/** A line that a handler logged, or that its process printed. */
export interface Logged {
  readonly definition: FunctionDefinition;
  /** What it belongs to: one invocation, those of a batch, or none where that cannot be known. */
  readonly invocations: readonly Invocation[];
  readonly level: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Why a function's process ended that was still needed. */
export type ProcessEnd = "crashed" | "timedOut";

/**
 * Watches invocations: run records, metrics and traces are observers. It must be cheap, and it must not throw. It keeps
 * nothing of what it gets longer than the call, except in a WeakMap: a body may have many megabytes.
 */
export interface Observer {
  /** A message's invocation ended and the message is settled. Called for each message. */
  ended(ended: Ended): void;
  /** A new process has loaded the function's module. `duration` is in milliseconds, from its start on. */
  coldStart?(definition: FunctionDefinition, duration: number): void;
  /** A process ended unexpectedly: by itself, or Warren killed it since its handler did not end in time. */
  processEnded?(definition: FunctionDefinition, how: ProcessEnd): void;
  logged?(line: Logged): void;
  /** A handler begins. Called for each message. Whether somebody wants to know how far it gets. */
  started?(definition: FunctionDefinition, invocation: Invocation, startedAt: number): boolean;
  /** How far a handler is that somebody wants to know of. */
  progressed?(definition: FunctionDefinition, invocation: Invocation, value: unknown): void;
}
