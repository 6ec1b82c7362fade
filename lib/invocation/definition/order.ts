import { WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition, Order, RetryPolicy } from "./definition.ts";
import { valueInBody } from "../content/body_path.ts";
import { headerText } from "../content/header_text.ts";
import { longestDelay } from "../retry_policy.ts";
import type { Invocation } from "../sandbox.ts";

/**
 * Milliseconds that a message of an ordered function may be unsettled, including its retries. Messages that wait in a
 * runner are unacked, and RabbitMQ closes the channel of a delivery that is unacked for 30 minutes.
 */
export const MAX_HOLD = 25 * 60_000;

/** What the key of a message may depend on. */
type Keyed = Pick<Invocation, "headers" | "routingKey" | "body" | "properties">;

/**
 * The key of a message. Messages without a key share the empty key.
 *
 * @throws {WarrenError} `undecodable` if the body cannot be decoded, or the value cannot be converted to text
 */
export function orderKey(message: Keyed, { header, body }: Order): string {
  if (body !== undefined) {
    const value = valueInBody(message, body.split("."));
    if (typeof value === "object" && value !== null) {
      throw new WarrenError("undecodable", `"${body}" in the body is an object, which cannot be a key`);
    }
    return asKey(value, `"${body}" in the body`);
  }
  if (header === undefined) return message.routingKey;
  const value = Object.hasOwn(message.headers, header) ? message.headers[header] : undefined;
  return asKey(value, `the header "${header}"`);
}

function asKey(value: unknown, what: string): string {
  const key = value === undefined || value === null ? "" : headerText(value);
  if (key === undefined) throw new WarrenError("undecodable", `${what} is a table, which cannot be a key`);
  return key;
}

/** The partition of a key: FNV-1a over its UTF-16 code units, so it is the same in every runner. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193) >>> 0;
  // For short keys the low bits of FNV-1a are similar, so the high bits are mixed in.
  return ((hash ^ (hash >>> 15)) >>> 0) % partitions;
}

/** Milliseconds from the first run until the message is a dead letter, if every run uses its whole time limit. */
export function longestHold(timeout: number, retry: RetryPolicy): number {
  const attempts = Math.max(1, retry.attempts);
  let total = timeout;
  for (let attempt = 1; attempt < attempts && total <= MAX_HOLD; attempt++) {
    total += timeout + longestDelay(attempt, retry);
  }
  return total;
}

/**
 * How many messages of a partition a runner prefetches. Messages behind a slow one with the same key stay unacked while
 * it runs.
 */
export function partitionPrefetch({ prefetch, timeout, retry }: FunctionDefinition): number {
  return Math.max(1, Math.min(prefetch, Math.floor(MAX_HOLD / longestHold(timeout, retry))));
}
