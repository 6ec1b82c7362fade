import type { AMQPMessage, AMQPProperties } from "@cloudamqp/amqp-client";
import type { FunctionDefinition } from "../invocation/definition.ts";
import type { Failure } from "../invocation/outcome.ts";
import type { Invocation } from "../invocation/sandbox.ts";
import type { MessageProperties } from "../mod.ts";
import { MALFORMED } from "./client_patches.ts";
import { HEADERS } from "./names.ts";

/** Told by brokers, or obeyed by them: a copy that carried them would be routed or dropped by them. */
const NOT_COPIED =
  /^(x-death|x-first-death-|x-last-death-|x-delivery-count$|x-acquired-count$|CC$|BCC$|x-dead-letter-|x-delay$)/;

const EMPTY = new Uint8Array(0);

/** A delivery as the core knows it: without AMQP in it. */
export function toInvocation(message: AMQPMessage, { output }: Pick<FunctionDefinition, "output">): Invocation {
  const { headers = {}, ...properties } = message.properties;
  const attempt = attemptOf(headers);
  const retried = attempt > 1;
  return {
    body: (message.body as Uint8Array | null) ?? EMPTY,
    properties: properties as MessageProperties,
    headers,
    exchange: retried ? text(headers[HEADERS.exchange]) ?? message.exchange : message.exchange,
    routingKey: retried ? text(headers[HEADERS.routingKey]) ?? message.routingKey : message.routingKey,
    redelivered: message.redelivered,
    attempt,
    wantsResult: output !== undefined || properties.replyTo !== undefined,
  };
}

/** The failure of a message whose headers could not be read; undefined for every other. */
export function malformed(headers: Record<string, unknown>): Failure | undefined {
  const why = headers[MALFORMED];
  return why === undefined ? undefined : { type: "MalformedHeaders", message: `the headers cannot be read: ${why}` };
}

function attemptOf(headers: Record<string, unknown>): number {
  const attempt = headers[HEADERS.attempt];
  return typeof attempt === "number" && Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Says of a message what a copy's headers need to keep. */
export interface FailedDelivery {
  readonly definition: FunctionDefinition;
  readonly invocation: Invocation;
  readonly failure: Failure;
  readonly now: Date;
}

/** The properties of the copy that comes back as attempt `attempt`. */
export function retryProperties(failed: FailedDelivery, attempt: number): AMQPProperties {
  return copyProperties(failed, { [HEADERS.attempt]: attempt });
}

/** The properties of the copy that goes to the dead letters. */
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
  const { expiration, userId, ...properties } = invocation.properties;
  const headers: NonNullable<AMQPProperties["headers"]> = {};
  for (const [name, value] of Object.entries(invocation.headers)) {
    if (!NOT_COPIED.test(name) && name !== MALFORMED) headers[name] = value as object;
  }
  headers[HEADERS.firstSeen] ??= now.toISOString();
  headers[HEADERS.exchange] = invocation.exchange;
  headers[HEADERS.routingKey] = invocation.routingKey;
  headers[HEADERS.errorType] = failure.type;
  headers[HEADERS.error] = failure.message;
  headers[HEADERS.failedAt] = now.toISOString();
  if (expiration) headers[HEADERS.expiration] = expiration;
  if (userId) headers[HEADERS.userId] = userId;
  return { ...properties, deliveryMode: 2, headers: { ...headers, ...own } };
}
