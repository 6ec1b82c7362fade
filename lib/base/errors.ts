/**
 * The kinds of errors, as a closed set. Each edge translates a code once: into an exit code, an HTTP status or a log
 * line.
 */
export type ErrorCode =
  /** An option, a flag or an environment variable is wrong. */
  | "config"
  /** A function cannot be loaded. */
  | "function"
  /** The broker received the message, but no queue is bound for it. */
  | "unroutable"
  /** The broker cannot be used now: it is down, unreachable or blocked. */
  | "unavailable"
  /** The broker refused the request (permissions, arguments). */
  | "refused"
  /** The embedded broker's data cannot be used: locked by another process, damaged, of a newer version. */
  | "storage"
  /** The queue or message does not exist. */
  | "missing"
  /** More bytes than the limit allows. */
  | "tooLarge"
  /** The body does not match its content type or encoding. */
  | "undecodable";

/** An error that states the action, the value and what was expected. */
export class WarrenError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "WarrenError";
    this.code = code;
  }
}

/**
 * The text of anything that was thrown. Never log the error object itself: errors of the AMQP client hold their
 * connection, whose buffers contain message bytes.
 */
export function describeError(error: unknown): string {
  try {
    if (error instanceof Error) return String(error.message || error.name);
    return typeof error === "string" ? error : Deno.inspect(error, { depth: 2 });
  } catch {
    return UNSEEN;
  }
}

/** The text for a Proxy, or an object with a getter, that throws when it is read. */
export const UNSEEN = "what was thrown cannot be shown: it throws when it is looked at";
