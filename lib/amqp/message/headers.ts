import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import type { DeadLetter } from "../../invocation/dead_letters/dead_letter.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Failure } from "../../invocation/outcome.ts";
import type { DeliveredInvocation, Invocation } from "../../invocation/sandbox.ts";
import type { MessageProperties } from "../../mod.ts";
import { keepReceived, receivedOf } from "./content_header.ts";
import { setOwn } from "./field_table.ts";
import { DISPATCH_EXCHANGE, HEADERS } from "./names.ts";

/** Headers that brokers set or obey. On a copy they would affect its routing, or make the broker drop it. */
const NOT_COPIED =
  /^(x-death|x-first-death-|x-last-death-|x-delivery-count$|x-acquired-count$|CC$|BCC$|x-dead-letter-|x-delay$)/;

/** Those of them that do not record where a message has been. */
const OBEYED = /^(x-delivery-count$|x-acquired-count$|CC$|BCC$|x-delay$)/;

const EMPTY = new Uint8Array(0);

/** Number of earlier deliveries, set by brokers with quorum queues. LavinMQ sets it if a queue has a delivery limit. */
const DELIVERY_COUNT = "x-delivery-count";

/** Converts a delivery to the core's form, which knows no AMQP. */
export function toInvocation(
  message: AMQPMessage,
  { output }: Pick<FunctionDefinition, "output">,
): DeliveredInvocation {
  const { headers = {} } = message.properties;
  const properties = propertiesOf(message);
  const attempt = countOf(headers[HEADERS.attempt], 1);
  // Then Warren sent it, and its headers contain how it was originally published.
  const setAside = countOf(headers[HEADERS.setAside], 0) > 0;
  const retried = attempt > 1 || setAside || countOf(headers[HEADERS.redriven], 0) > 0 ||
    headers[HEADERS.partition] !== undefined || message.exchange === DISPATCH_EXCHANGE;
  return {
    body: (message.body as Uint8Array | null) ?? EMPTY,
    properties,
    headers,
    exchange: retried ? text(headers[HEADERS.exchange]) ?? message.exchange : message.exchange,
    routingKey: retried ? text(headers[HEADERS.routingKey]) ?? message.routingKey : message.routingKey,
    redelivered: message.redelivered,
    attempt,
    returns: deliveryCount(message),
    setAside,
    wantsResult: output !== undefined || properties.replyTo !== undefined,
  };
}

/** All properties except the headers. Without headers this is the object itself, not a copy. */
function propertiesOf({ properties }: AMQPMessage): MessageProperties {
  if (properties.headers === undefined) return properties as MessageProperties;
  const { headers: _, ...rest } = properties;
  return keepReceived(rest as MessageProperties, properties);
}

/** The failure of a message whose headers cannot be read. Undefined for every other. */
export function malformed(headers: Record<string, unknown>): Failure | undefined {
  const why = headers[HEADERS.malformed];
  if (why === undefined) return undefined;
  const what = typeof why === "string" ? `: ${why}` : "";
  return { type: "MalformedHeaders", message: `the headers cannot be read${what}` };
}

/** How often it was returned before, if its queue counts that. */
export function deliveryCount({ redelivered, properties: { headers } }: AMQPMessage): number {
  // A first delivery has no count. A value there was sent by another queue.
  return redelivered ? countOf(wireNumber(headers?.[DELIVERY_COUNT]), 0) : 0;
}

function countOf(header: unknown, otherwise: number): number {
  return typeof header === "number" && Number.isSafeInteger(header) && header > 0 ? header : otherwise;
}

/** Brokers write counts as integers of any size. The client decodes 64-bit ones as bigint. */
function wireNumber(header: unknown): unknown {
  return typeof header === "bigint" ? Number(header) : header;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Collects what a copy's headers need from a message. */
export interface FailedDelivery {
  readonly definition: FunctionDefinition;
  readonly invocation: Invocation;
  readonly failure: Failure;
  readonly now: Date;
}

/** The properties of the copy that returns as attempt `attempt`. */
export function retryProperties(failed: FailedDelivery, attempt: number): AMQPProperties {
  return copyProperties(failed, { [HEADERS.attempt]: attempt });
}

/** The properties of a copy at the end of the same queue, as the same attempt: nothing has failed. */
export function setAsideProperties({ invocation }: Pick<FailedDelivery, "invocation">): AMQPProperties {
  const properties = inertProperties(invocation.properties, invocation.headers);
  const { headers } = properties;
  headers[HEADERS.exchange] = invocation.exchange;
  headers[HEADERS.routingKey] = invocation.routingKey;
  headers[HEADERS.setAside] = countOf(invocation.headers[HEADERS.setAside], 0) + 1;
  return properties;
}

/** The properties of the copy for the dead letters. */
export function deadLetterProperties(failed: FailedDelivery, reason: string): AMQPProperties {
  const { definition, invocation, failure } = failed;
  return copyProperties(failed, {
    [HEADERS.reason]: reason,
    [HEADERS.attempts]: invocation.attempt,
    [HEADERS.function]: definition.name,
    [HEADERS.host]: Deno.hostname(),
    [HEADERS.queue]: definition.queue.name,
    ...(failure.stack ? { [HEADERS.stack]: failure.stack } : {}),
    ...(failure.issues ? { [HEADERS.issues]: JSON.stringify(failure.issues) } : {}),
  });
}

/**
 * What every copy of a message has: what the publisher set, and what happened.
 * Without an expiration and a user id, which would act on the copy, and
 * persistent, whatever the message was.
 */
function copyProperties(failed: FailedDelivery, own: Record<string, string | number>): AMQPProperties {
  const { invocation, failure, now } = failed;
  const properties = inertProperties(invocation.properties, invocation.headers);
  const { headers } = properties;
  delete headers[HEADERS.setAside];
  const time = isoTime(now);
  headers[HEADERS.firstSeen] ??= time;
  headers[HEADERS.exchange] = invocation.exchange;
  headers[HEADERS.routingKey] = invocation.routingKey;
  headers[HEADERS.errorType] = failure.type;
  headers[HEADERS.error] = failure.message;
  headers[HEADERS.failedAt] = time;
  Object.assign(headers, own);
  return properties;
}

let lastTime = NaN;
let lastText = "";

/** Thousands that fail in a second have a text for each millisecond. */
function isoTime(date: Date): string {
  const time = date.getTime();
  if (time === lastTime) return lastText;
  lastText = date.toISOString();
  lastTime = time;
  return lastText;
}

/**
 * The properties of a message that moves from an ordered function's queue to a partition: its own, as far as possible.
 */
export function partitionProperties(message: AMQPMessage, invocation: Invocation, partition: number): AMQPProperties {
  const { expiration, deliveryMode } = invocation.properties;
  const properties = inertProperties(invocation.properties, invocation.headers);
  const { headers } = properties;
  if (message.properties.headers?.[HEADERS.expiration] === undefined) delete headers[HEADERS.expiration];
  headers[HEADERS.exchange] = invocation.exchange;
  headers[HEADERS.routingKey] = invocation.routingKey;
  headers[HEADERS.partition] = partition;
  return Object.assign(properties, { expiration, deliveryMode });
}

/** The properties of a redriven dead letter: its first attempt, with its history. */
export function redriveProperties(letter: Pick<DeadLetter, "properties" | "headers">): AMQPProperties {
  const properties = inertProperties(letter.properties, letter.headers);
  const { headers } = properties;
  delete headers[HEADERS.attempt];
  delete headers[HEADERS.setAside];
  headers[HEADERS.redriven] = countOf(letter.headers[HEADERS.redriven], 0) + 1;
  return properties;
}

/** The properties of a copy that replaces a dead letter in its queue, unchanged. */
export function samePlaceProperties(message: AMQPMessage): AMQPProperties {
  const { headers = {}, ...rest } = message.properties;
  const given = keepReceived(rest as MessageProperties, message.properties);
  const { expiration, deliveryMode } = given;
  const properties = inertProperties(given, headers, OBEYED);
  if (headers[HEADERS.expiration] === undefined) delete properties.headers[HEADERS.expiration];
  return Object.assign(properties, { expiration, deliveryMode });
}

/**
 * Persistent, and without what a broker would obey or refuse on a copy. All else is as it came, byte for byte; bytes that
 * are neither a property nor a header are in a header of their own.
 */
function inertProperties(given: MessageProperties, from: Record<string, unknown>, without = NOT_COPIED) {
  const { expiration, userId, ...properties } = given;
  const headers: NonNullable<AMQPProperties["headers"]> = {};
  for (const [name, value] of Object.entries(from)) if (!without.test(name)) setOwn(headers, name, value);
  if (expiration) headers[HEADERS.expiration] = expiration;
  if (userId) headers[HEADERS.userId] = userId;
  const unread = receivedOf(given)?.rest;
  if (unread && unread.length > 0) headers[HEADERS.unread] = unread;
  return keepReceived(
    { ...properties, deliveryMode: 2, headers } as AMQPProperties & { headers: typeof headers },
    given,
  );
}

/** Converts a delivery from a queue of dead letters to the core's form. */
export function toDeadLetter(message: AMQPMessage): DeadLetter {
  const { headers = {}, ...rest } = message.properties as { headers?: Record<string, unknown> };
  const properties = keepReceived(rest as MessageProperties, message.properties);
  const body = (message.body as Uint8Array | null) ?? EMPTY;
  return {
    id: text(properties.messageId),
    reason: text(headers[HEADERS.reason]),
    errorType: text(headers[HEADERS.errorType]),
    error: text(headers[HEADERS.error]),
    stack: text(headers[HEADERS.stack]),
    attempts: countOf(headers[HEADERS.attempts], 0) || undefined,
    redriven: countOf(headers[HEADERS.redriven], 0),
    function: text(headers[HEADERS.function]),
    host: text(headers[HEADERS.host]),
    failedAt: date(headers[HEADERS.failedAt]),
    firstSeen: date(headers[HEADERS.firstSeen]),
    exchange: text(headers[HEADERS.exchange]),
    routingKey: text(headers[HEADERS.routingKey]),
    size: body.length,
    unreadable: malformed(headers)?.message,
    headers,
    properties,
    body,
  };
}

function date(value: unknown): Date | undefined {
  const found = new Date(text(value) ?? NaN);
  return Number.isNaN(found.getTime()) ? undefined : found;
}
