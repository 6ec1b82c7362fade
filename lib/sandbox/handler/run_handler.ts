import type { CloudEvent, Context, Handler, Message } from "../../mod.ts";
import { readCloudEvent } from "../../invocation/content/cloud_event.ts";
import { decodeBody, encodeBody } from "../../invocation/content/codec.ts";
import type { Failure, Result } from "../../invocation/outcome.ts";
import { toFailure } from "../../invocation/outcome.ts";
import type { Content, Invocation } from "../../invocation/sandbox.ts";
import { parseDuration } from "../../base/time/duration.ts";
import { explained } from "../process/denied.ts";
import type { Loaded } from "./loaded.ts";
import type { Grants } from "../process/permission_line.ts";
import { validate } from "./validation.ts";

/** How a handler ended, as far as its own process knows. */
export type HandlerResult =
  | { kind: "completed"; result?: Result }
  | { kind: "failed"; failure: Failure; delay?: number }
  | { kind: "rejected" | "undecodable" | "invalid"; failure: Failure };

/** A message for its handler, or why it has none. */
export type Read = { readonly message: Message; readonly result?: undefined } | { readonly result: HandlerResult };

/** The contents of a message, before validation. */
interface Decoded {
  readonly body: unknown;
  readonly event?: CloudEvent;
}

/** The settings for reading a message. */
type Reading = Pick<Loaded, "input" | "envelope" | "body" | "grants">;

/** Decodes the message, and validates its body. Synchronous if possible. Never throws. */
export function readMessage(invocation: Invocation, reading: Reading): Read | Promise<Read> {
  if (reading.envelope) return readSlowly(invocation, reading, readCloudEvent(invocation));
  try {
    const body = bodyOf(invocation, reading);
    if (body instanceof Promise) return readSlowly(invocation, reading, body.then((body) => ({ body })));
    if (!reading.input) return { message: toMessage(invocation, body) };
    return readSlowly(invocation, reading, Promise.resolve({ body }));
  } catch (error) {
    return { result: { kind: "undecodable", failure: unreadable(error) } };
  }
}

function bodyOf({ body, properties, headers }: Content, reading: Reading): unknown | Promise<unknown> {
  return reading.body === "raw" ? body : decodeBody(body, properties, { headers });
}

/** The stack of the code that reads a message does not help the sender. */
function unreadable(error: unknown): Failure {
  const { type, message } = toFailure(error);
  return { type, message };
}

async function readSlowly(
  invocation: Invocation,
  { input, grants }: Reading,
  decoding: Promise<Decoded>,
): Promise<Read> {
  let decoded: Decoded;
  try {
    decoded = await decoding;
  } catch (error) {
    return { result: { kind: "undecodable", failure: unreadable(error) } };
  }
  const { body, ...event } = decoded;
  if (!input) return { message: { ...toMessage(invocation, body), ...event } };
  try {
    const validated = await validate(input, body);
    if (validated.failure) return { result: { kind: "invalid", failure: validated.failure } };
    return { message: { ...toMessage(invocation, validated.value), ...event } };
  } catch (error) {
    return { result: thrown(error, grants) };
  }
}

function toMessage(invocation: Invocation, body: unknown): Message {
  const { body: raw, headers, properties, exchange, routingKey, redelivered, attempt } = invocation;
  return { body, raw, headers, properties, exchange, routingKey, redelivered, attempt };
}

/** Decodes the message and runs the handler on it. Calls `onEnd` once, never before this returns. */
export function runHandler(
  loaded: Loaded,
  invocation: Invocation,
  context: Context,
  onEnd: (result: HandlerResult) => void,
): void {
  const run = (read: Read) => {
    if (read.result) apply(then, NOW, [() => onEnd(read.result)]);
    else call(loaded, invocation, read.message, context, onEnd);
  };
  const read = readMessage(invocation, loaded);
  if (read instanceof Promise) void read.then(run);
  else run(read);
}

/** Saved before the function's module loads, which may replace them. */
const { Promise, Reflect: { apply } } = globalThis;
const { then } = Promise.prototype;
const NOW = Promise.resolve();

/**
 * Calls the handler with nothing of ours below it on the stack, and nothing of ours that is known to await it: the text
 * of an error's stack costs some microseconds a frame, which is most of what a failure costs, and ours help nobody.
 */
function call(
  { handler, grants }: Loaded,
  invocation: Invocation,
  message: Message,
  context: Context,
  onEnd: (result: HandlerResult) => void,
): void {
  // It may be wanted by somebody who came after the start.
  const returned = (value: unknown) =>
    onEnd(invocation.wantsResult && value !== undefined ? completed(value, grants) : COMPLETED);
  const threw = (error: unknown) => onEnd(thrown(error, grants));
  apply(then, NOW, [() => {
    let result: unknown;
    let thenable: boolean;
    try {
      result = (handler as Handler)(message, context);
      thenable = isThenable(result);
    } catch (error) {
      return threw(error);
    }
    if (!thenable) returned(result);
    else if (result instanceof Promise) apply(then, result, [returned, threw]);
    else new Promise((resolve) => resolve(result)).then(returned, threw);
  }]);
}

function completed(value: unknown, grants: Grants | undefined): HandlerResult {
  try {
    return { kind: "completed", result: encodeBody(value) };
  } catch (error) {
    return thrown(error, grants);
  }
}

const COMPLETED: HandlerResult = { kind: "completed" };

/** Not checked by class, since a query builder's thenable runs when it is awaited, and is no Promise. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && (typeof value === "object" || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function";
}

/** @param grants explains denied permissions. Undefined if the config denies nothing */
export function thrown(given: unknown, grants?: Grants): HandlerResult {
  try {
    return judged(grants ? explained(given, grants) : given);
  } catch {
    // It throws when it is looked at.
    return { kind: "failed", failure: toFailure(given) };
  }
}

/** Checked by name instead of by class: a function may have imported its own copy of `warren`. */
function judged(error: unknown): HandlerResult {
  const failure = withoutOurFrames(toFailure(error));
  if (!(error instanceof Error)) return { kind: "failed", failure };
  if (error.name === "Reject") return { kind: "rejected", failure };
  if (error.name !== "Retry") return { kind: "failed", failure, delay: retryAfter(error) };
  const asked = (error as { delay?: unknown }).delay;
  if (asked === undefined) return { kind: "failed", failure };
  try {
    return { kind: "failed", failure, delay: parseDuration(asked) };
  } catch (cause) {
    return { kind: "failed", failure: toFailure(cause) };
  }
}

/**
 * Milliseconds that an error of another library asks for, as HTTP's `Retry-After` does: seconds, a date, or a
 * duration. What cannot be read is not asked for.
 */
function retryAfter(error: Error): number | undefined {
  const asked = (error as { retryAfter?: unknown }).retryAfter;
  if (asked === undefined || asked === null) return undefined;
  const seconds = typeof asked === "string" && /^\d+$/.test(asked) ? Number(asked) : asked;
  if (typeof seconds === "number") return seconds >= 0 && Number.isFinite(seconds) ? seconds * 1000 : undefined;
  const date = asked instanceof Date ? asked.getTime() : Date.parse(String(asked));
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  try {
    return parseDuration(asked);
  } catch {
    return undefined;
  }
}

const OURS = new URL("../", import.meta.url).href;

/** Stack lines of Warren's own code, which do not help the author. */
function withoutOurFrames(failure: Failure): Failure {
  if (!failure.stack?.includes(OURS)) return failure;
  return { ...failure, stack: failure.stack.split("\n").filter((line) => !line.includes(OURS)).join("\n") };
}

/** What is wrong with a message before it is published. Undefined if it is valid. */
export async function check(content: Content, reading: Reading): Promise<Failure | undefined> {
  const { input, envelope } = reading;
  let body: unknown;
  try {
    body = envelope ? (await readCloudEvent(content)).body : await bodyOf(content, reading);
  } catch (error) {
    return unreadable(error);
  }
  try {
    return input ? (await validate(input, body)).failure : undefined;
  } catch (error) {
    return toFailure(error);
  }
}
