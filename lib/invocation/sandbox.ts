import type { MessageProperties } from "../mod.ts";
import type { Failure, Outcome } from "./outcome.ts";

/** What a handler's message is made of: all of it data. */
export interface Content {
  /** The bytes as they were delivered. */
  readonly body: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: Record<string, unknown>;
}

/** One message on its way into a handler. */
export interface Invocation extends Content {
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly attempt: number;
  /** Whether anybody wants what the handler returns. */
  readonly wantsResult: boolean;
}

/** One message as it came, with what only the host needs to know. */
export interface DeliveredInvocation extends Invocation {
  /** How often it came back to its queue unsettled; 0 where the broker does not count. */
  readonly returns: number;
  /** It is a copy that was made since its count raised a suspicion. */
  readonly setAside: boolean;
}

/** Called with what an invocation was begun for. */
export type OnEnd<S> = (outcome: Outcome, subject: S) => void;

/** Where a handler runs. */
export interface Sandbox {
  /** Processes of its own that are there now. */
  readonly processes: number;
  /** Loads the module now instead of at the first message. Rejects with the module's own error. */
  warm(): Promise<void>;
  /**
   * What is wrong with what would be the function's next message; undefined where it is fine. Rejects where the module
   * does not load or does not answer.
   */
  validate(content: Content): Promise<Failure | undefined>;
  /**
   * Runs the handler once and calls `onEnd` once with the `subject`, never before it returns. Every way to end is an
   * outcome. A call back instead of a promise, and one for all: there may be tens of thousands a second, and a closure for
   * each would live until the next full garbage collection.
   */
  invoke<S>(invocation: Invocation, onEnd: OnEnd<S>, subject: S): void;
  /** Runs a batch's handler once: an outcome for each message, in their order. Never rejects. */
  invokeBatch(batch: readonly Invocation[]): Promise<Outcome[]>;
  /**
   * Aborts the signal of the handler that runs with these invocations, the very objects that it was invoked with. How it
   * ends is its outcome as ever; where it has not begun, it is abandoned.
   */
  cancel(invocations: readonly Invocation[], reason: string): void;
  /** Aborts every running handler's signal, and after the grace (ms) ends what still runs. */
  abort(grace: number): Promise<void>;
  /** Ends the sandbox; whatever still runs in it is abandoned. */
  close(): Promise<void>;
}
