import type { MessageProperties } from "../mod.ts";
import type { InputSchema } from "./content/input_schema.ts";
import type { Failure, Outcome } from "./outcome.ts";

/** The data that a handler's message is made from. */
export interface Content {
  /** The bytes as they were delivered. */
  readonly body: Uint8Array;
  readonly properties: MessageProperties;
  readonly headers: Record<string, unknown>;
}

/** One message for a handler. */
export interface Invocation extends Content {
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly attempt: number;
  /** Whether the handler's return value is needed. It may be from some moment of the run on. */
  wantsResult: boolean;
}

/** A message as it was delivered, with fields that only the host needs. */
export interface DeliveredInvocation extends Invocation {
  /** How often it was returned to its queue unsettled. 0 if the broker does not count. */
  readonly returns: number;
  /** It is a copy, made after its return count made it a suspect. */
  readonly setAside: boolean;
}

/** Called with the subject for which an invocation was begun. */
export type OnEnd<S> = (outcome: Outcome, subject: S) => void;

/** Runs handlers. */
export interface Sandbox {
  /** Number of its processes. */
  readonly processes: number;
  /** The JSON schema of its bodies. Undefined until the module is loaded, and if its `input` does not give one. */
  readonly inputSchema?: InputSchema;
  /** Loads the module now instead of at the first message. Rejects with the module's own error. */
  warm(): Promise<void>;
  /**
   * Checks the body of a message before it is published. Undefined if it is valid. Rejects if the module does not load
   * or does not answer.
   */
  validate(content: Content): Promise<Failure | undefined>;
  /**
   * Runs the handler once and calls `onEnd` once with the `subject`, never before `invoke` returns. Every result is an
   * outcome. There may be tens of thousands per second, so this is one callback for all of them: a closure for each would
   * live until the next full garbage collection.
   */
  invoke<S>(invocation: Invocation, onEnd: OnEnd<S>, subject: S): void;
  /** Runs a batch's handler once. Returns an outcome for each message, in order. Never rejects. */
  invokeBatch(batch: readonly Invocation[]): Promise<Outcome[]>;
  /**
   * Aborts the signal of the handler that runs with these invocations, which must be the same objects. Its outcome is
   * reported as usual. If the handler has not begun, the outcome is `abandoned`.
   */
  cancel(invocations: readonly Invocation[], reason: string): void;
  /**
   * From now on, tells how far the handler is that runs with this invocation, which must be the same object; the latest value
   * at once. Its outcome has what the handler returned. No effect if it has ended.
   */
  follow?(invocation: Invocation): void;
  /**
   * Aborts the signals of all running handlers, and ends those that still run after the grace period (milliseconds).
   */
  abort(grace: number): Promise<void>;
  /** Closes the sandbox. Running invocations are abandoned. */
  close(): Promise<void>;
}
