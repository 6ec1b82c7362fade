import type { Failure } from "../../invocation/outcome.ts";
import type { Content } from "../../invocation/sandbox.ts";
import type { OnceAnswer } from "../host/once_calls.ts";

/*
 * What the runner and a function's process say to each other, over a Unix socket that nothing else uses: the handler's own
 * output cannot disturb it. See frames.ts for how these messages are encoded.
 */

/** The bodies of several messages: one by one where they are sent, in one piece where they are received. */
export type Bodies = Uint8Array | readonly Uint8Array[];

/** From the runner to the process. */
export type ToGuest =
  /** Starts invocations: see `Invocations`. */
  | [op: "invoke", bodies: Bodies, rest: readonly unknown[], plain: boolean]
  /** Cancels an invocation. If it has not begun, it never does, and the answer is "dropped". */
  | [op: "abort", id: number, reason: string]
  /**
   * Its time is over, counted from when it was sent. If it began later, the answer "early" has the time that is left.
   */
  | [op: "overdue", id: number, reason: string]
  /** A process that is not stuck answers at once. */
  | [op: "ping"]
  /** Somebody follows the message of an invocation. */
  | [op: "follow", id: number]
  /** Answers a call of `once()`. */
  | [op: "once", call: number, answer: OnceAnswer]
  /** Asks whether a message is valid. */
  | [op: "validate", call: number, content: Content];

/** From the process to the runner. */
export type FromGuest =
  /** The module is loaded. The schema of its bodies is JSON. */
  | [op: "ready", inputSchema?: string]
  | [op: "pong"]
  | [op: "validated", call: number, failure: Failure | undefined]
  /** Its turn came late, or has not come yet. It has this many milliseconds of its time left. */
  | [op: "early", id: number, left: number]
  /** It was aborted before its turn. Nothing of it has run or will. */
  | [op: "dropped", id: number]
  | [op: "broken", failure: Failure]
  /** An uncaught error. The process may be in any state, so it must end. */
  | [op: "uncaught", failure: Failure]
  /** All invocations that completed since the last frame. By far the most frequent message. */
  | [op: "done", ids: readonly number[]]
  | [
    op: "result",
    id: number,
    kind: "failed" | "rejected" | "undecodable" | "invalid",
    failure: Failure,
    delay: number | undefined,
  ]
  /** All that completed with outputs, or with a return value that is needed: see `Completions`. */
  | [op: "completed", bodies: Bodies, rest: readonly unknown[], plain: boolean]
  /** An invocation calls `once()`. */
  | [op: "once", id: number, call: number, key: string]
  /** The effect of that call has run. The value is JSON, or says why there is none. */
  | [op: "onceDone", id: number, call: number, value: string | undefined]
  /** The effect threw. */
  | [op: "onceFailed", id: number, call: number]
  /** The function read environment variables that its config does not grant. */
  | [op: "env", variables: readonly string[]]
  /** How far an invocation is that is followed, in JSON. */
  | [op: "progress", id: number, text: string]
  /** The fields are an object in JSON. */
  | [op: "log", id: number, level: string, message: string, fields: string | undefined];

/** Maximum length of a log line's fields in characters. */
export const MAX_FIELDS = 64 * 1024;

/** The error for anything else that comes over the connection. */
export function notOfTheProtocol(): TypeError {
  return new TypeError("it is no message of the protocol");
}
