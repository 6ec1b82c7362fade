import { WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition, Order, RetryPolicy } from "./definition.ts";
import { headerText } from "../content/header_text.ts";
import { longestDelay } from "../retry_policy.ts";
import type { Invocation } from "../sandbox.ts";

/**
 * Milliseconds that a message of an ordered function may be unsettled at most, retries included: what waits in a runner
 * is unacked, and RabbitMQ closes the channel of a delivery that is unacked for 30 minutes.
 */
export const MAX_HOLD = 25 * 60_000;

/**
 * The key of a message; all that have none have the same, which is empty.
 *
 * @throws {WarrenError} `undecodable` for a header that has no text
 */
export function orderKey(message: Pick<Invocation, "headers" | "routingKey">, { header }: Order): string {
  if (header === undefined) return message.routingKey;
  const value = Object.hasOwn(message.headers, header) ? message.headers[header] : undefined;
  const key = value === undefined || value === null ? "" : headerText(value);
  if (key === undefined) throw new WarrenError("undecodable", `the header "${header}" is a table, which is no key`);
  return key;
}

/** Which of the partitions a key belongs to: FNV-1a over its UTF-16 code units, so the same in every runner. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193) >>> 0;
  // The low bits of FNV-1a of short keys are alike: the high ones are mixed in.
  return ((hash ^ (hash >>> 15)) >>> 0) % partitions;
}

/** Milliseconds from the first run of a message that always fails, at its limit each time, until it is a dead letter. */
export function longestHold(timeout: number, retry: RetryPolicy): number {
  const attempts = Math.max(1, retry.attempts);
  let total = timeout;
  for (let attempt = 1; attempt < attempts && total <= MAX_HOLD; attempt++) {
    total += timeout + longestDelay(attempt, retry);
  }
  return total;
}

/**
 * How many messages of a partition a runner takes ahead: what waits behind a slow one of the same key is unacked as long
 * as that runs.
 */
export function partitionPrefetch({ prefetch, timeout, retry }: FunctionDefinition): number {
  return Math.max(1, Math.min(prefetch, Math.floor(MAX_HOLD / longestHold(timeout, retry))));
}
