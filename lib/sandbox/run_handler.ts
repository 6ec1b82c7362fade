import type { Context, Handler, Message } from "../mod.ts";
import { decodeBody } from "../invocation/codec.ts";
import type { Failure } from "../invocation/outcome.ts";
import { toFailure } from "../invocation/outcome.ts";
import type { Invocation } from "../invocation/sandbox.ts";
import { parseDuration } from "../duration.ts";
import { explained } from "./denied.ts";

/** How a handler ended, as far as its own process can tell. */
export type HandlerResult =
  | { kind: "completed" }
  | { kind: "failed"; failure: Failure; delay?: number }
  | { kind: "rejected" | "undecodable"; failure: Failure };

/** Decodes the message and runs the handler on it once. Never rejects. */
export async function runHandler(
  handler: Handler,
  invocation: Invocation,
  context: Context,
): Promise<HandlerResult> {
  let body: unknown;
  try {
    body = decodeBody(invocation.body, invocation.properties);
    if (body instanceof Promise) body = await body;
  } catch (error) {
    return { kind: "undecodable", failure: toFailure(error) };
  }
  const message: Message = {
    body,
    raw: invocation.body,
    headers: invocation.headers,
    properties: invocation.properties,
    exchange: invocation.exchange,
    routingKey: invocation.routingKey,
    redelivered: invocation.redelivered,
    attempt: invocation.attempt,
  };
  try {
    const result = handler(message, context);
    if (isThenable(result)) await result;
    return COMPLETED;
  } catch (error) {
    return thrown(error);
  }
}

const COMPLETED: HandlerResult = { kind: "completed" };

/** Not by class: a query builder's promise, which runs when it is awaited, is none of Deno's. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && (typeof value === "object" || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function";
}

function thrown(given: unknown): HandlerResult {
  try {
    return judged(explained(given));
  } catch {
    // It throws when it is looked at.
    return { kind: "failed", failure: toFailure(given) };
  }
}

/** By name, not by class: a function may have come by its own copy of `warren`. */
function judged(error: unknown): HandlerResult {
  const failure = withoutOurFrames(toFailure(error));
  if (!(error instanceof Error)) return { kind: "failed", failure };
  if (error.name === "Reject") return { kind: "rejected", failure };
  if (error.name !== "Retry") return { kind: "failed", failure };
  const asked = (error as { delay?: unknown }).delay;
  if (asked === undefined) return { kind: "failed", failure };
  try {
    return { kind: "failed", failure, delay: parseDuration(asked) };
  } catch (cause) {
    return { kind: "failed", failure: toFailure(cause) };
  }
}

/** What called the handler is of no use to its author. */
function withoutOurFrames(failure: Failure): Failure {
  const lines = failure.stack?.split("\n") ?? [];
  const ours = lines.findIndex((line) => line.includes(import.meta.url));
  return ours < 0 ? failure : { ...failure, stack: lines.slice(0, ours).join("\n") };
}
