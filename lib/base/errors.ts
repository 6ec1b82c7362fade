/**
 * What went wrong, as a closed set. Each edge turns a code into its own
 * language once: an exit code, an HTTP status, a log line.
 */
export type ErrorCode =
  /** An option, a flag or an environment variable is wrong. */
  | "config"
  /** A function cannot be loaded as it stands. */
  | "function"
  /** The broker took the message but no queue is bound to take it. */
  | "unroutable"
  /** The broker cannot be used right now: down, unreachable, blocked. */
  | "unavailable"
  /** The broker refused what was asked (permissions, arguments). */
  | "refused"
  /** The embedded broker's data cannot be used: locked by another process, damaged, of a newer version. */
  | "storage"
  /** There is no such queue or message. */
  | "missing"
  /** More bytes than the limit allows. */
  | "tooLarge"
  /** The body is not what its content type or encoding says. */
  | "undecodable";

/** An error that says what was tried, with which value, and what was expected. */
export class WarrenError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "WarrenError";
    this.code = code;
  }
}

/**
 * The text of anything that was thrown. Never the object itself: the AMQP
 * client's errors carry their connection, with message bytes in its buffers.
 */
export function describeError(error: unknown): string {
  try {
    if (error instanceof Error) return String(error.message || error.name);
    return typeof error === "string" ? error : Deno.inspect(error, { depth: 2 });
  } catch {
    return UNSEEN;
  }
}

/** Stands for a Proxy, or an object with a getter, that throws when it is looked at. */
export const UNSEEN = "what was thrown cannot be shown: it throws when it is looked at";
