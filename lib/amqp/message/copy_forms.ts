import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { WarrenError } from "../../base/errors.ts";
import { replyCode } from "../client/client.ts";
import { keepReceived } from "./content_header.ts";
import { deadLetterProperties, type FailedDelivery, retryProperties } from "./headers.ts";
import { HEADER_PREFIX, HEADERS } from "./names.ts";

/*
 * All headers of a message must fit into one frame, whose size broker and client agree on, and a copy has headers about
 * the failure in addition to those of the message. So each copy has several forms: the whole one first, and each next one
 * with fewer headers.
 */

type Headers = NonNullable<AMQPProperties["headers"]>;

/** Warren's headers that a copy can omit, in the order in which they are dropped. */
const SPARED = [[HEADERS.stack], [HEADERS.issues, HEADERS.error], [HEADERS.errorType, HEADERS.host], [
  HEADERS.parent,
]];
/** Maximum length of a shortened error in characters. */
const SHORT_ERROR = 200;
/** Bytes. A dead letter may have to omit headers of the message that are larger. */
const LARGE = 1_024;
/** Maximum length of the list of omitted headers in characters. */
const MAX_NAMES = 500;
/** Headers about the origin and the failure, for copies with little room. */
const LAST = [
  HEADERS.reason,
  HEADERS.attempts,
  HEADERS.exchange,
  HEADERS.routingKey,
  HEADERS.failedAt,
  HEADERS.malformed,
] as string[];

/** The forms of a copy that keeps all headers of its message. */
export function* wholeForms(properties: AMQPProperties): Generator<AMQPProperties> {
  yield properties;
  let headers = properties.headers ?? {};
  for (const names of SPARED) {
    const left = spare(headers, names);
    if (left === headers) continue;
    headers = left;
    yield withHeaders(properties, headers);
  }
}

export function retryForms(failed: FailedDelivery, attempt: number): Generator<AMQPProperties> {
  return wholeForms(retryProperties(failed, attempt));
}

/** The last form fits into the smallest frame that AMQP allows. The message's large headers are left out, then all. */
export function* deadLetterForms(failed: FailedDelivery, reason: string): Generator<AMQPProperties> {
  let last: AMQPProperties = {};
  for (last of wholeForms(deadLetterProperties(failed, reason))) yield last;
  const headers = last.headers ?? {};
  const small = Object.entries(headers).filter(([name, value]) => isOwn(name) || roughSize(value) < LARGE);
  yield withHeaders(last, withDropped(Object.fromEntries(small), headers));
  const least = Object.entries(headers).filter(([name]) => LAST.includes(name));
  yield withHeaders(last, withDropped(Object.fromEntries(least), headers));
}

/** Whether a copy failed because it does not fit, so that a smaller form may succeed. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof WarrenError)) return false;
  const code = replyCode(error);
  // Refused before sending, or by a broker that cannot parse what was sent.
  return error.code === "refused" ? code === undefined : code === 501 || code === 502;
}

function spare(headers: Headers, names: readonly string[]): Headers {
  if (!names.some((name) => Object.hasOwn(headers, name))) return headers;
  const left: Headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
  const error = headers[HEADERS.error];
  if (names.includes(HEADERS.error) && typeof error === "string") left[HEADERS.error] = error.slice(0, SHORT_ERROR);
  return left;
}

function withDropped(left: Headers, all: Headers): Headers {
  const dropped = Object.keys(all).filter((name) => !isOwn(name) && !Object.hasOwn(left, name));
  return { ...left, [HEADERS.dropped]: dropped.join(", ").slice(0, MAX_NAMES) };
}

function withHeaders(properties: AMQPProperties, headers: Headers): AMQPProperties {
  return keepReceived({ ...properties, headers }, properties);
}

function isOwn(name: string): boolean {
  return name.startsWith(HEADER_PREFIX) && name !== HEADERS.unread;
}

/** An upper bound of the size in bytes. */
function roughSize(value: unknown): number {
  if (typeof value === "string") return 3 * value.length;
  if (value instanceof Uint8Array) return value.length;
  return typeof value === "object" && value !== null && !(value instanceof Date) ? Infinity : 16;
}
