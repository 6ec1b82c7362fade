import { describeError } from "../../base/errors.ts";
import type { MessageProperties } from "../../mod.ts";
import { decodeBody } from "../content/codec.ts";

/** A message that failed for good. What a message that others put there does not say is undefined. */
export interface DeadLetter {
  /** The message id. */
  readonly id: string | undefined;
  /** How its last run ended. */
  readonly reason: string | undefined;
  readonly errorType: string | undefined;
  readonly error: string | undefined;
  readonly stack: string | undefined;
  readonly attempts: number | undefined;
  /** How often it came back from the dead letters. */
  readonly redriven: number;
  readonly function: string | undefined;
  readonly host: string | undefined;
  readonly failedAt: Date | undefined;
  readonly firstSeen: Date | undefined;
  /** Where it was first published to. */
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  /** Bytes of the body. */
  readonly size: number;
  /** Why its headers cannot be read: it would be a dead letter again at once. */
  readonly unreadable: string | undefined;
  readonly headers: Record<string, unknown>;
  readonly properties: MessageProperties;
  readonly body: Uint8Array;
}

/** In a line or a row: without headers and body. */
export function summaryOf(letter: DeadLetter) {
  const { headers: _headers, properties, body: _body, stack: _stack, failedAt, firstSeen, ...rest } = letter;
  return {
    ...rest,
    failedAt: failedAt?.toISOString(),
    firstSeen: firstSeen?.toISOString(),
    contentType: properties.contentType,
  };
}

/** All of it, as JSON can have it: bytes are `{"base64": "…"}`. */
export async function detailOf(letter: DeadLetter) {
  const { headers, properties } = letter;
  const base64 = letter.body.toBase64();
  const rest = { ...summaryOf(letter), stack: letter.stack, headers: plain(headers), properties: plain(properties) };
  try {
    const body = await decodeBody(letter.body, properties, { headers });
    return body instanceof Uint8Array ? { ...rest, bodyBase64: base64 } : { ...rest, body };
  } catch (error) {
    return { ...rest, bodyBase64: base64, bodyError: describeError(error) };
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return { base64: value.toBase64() };
  if (value instanceof Date || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
}
