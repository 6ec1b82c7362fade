import { describeError } from "../../base/errors.ts";
import type { MessageProperties } from "../../mod.ts";
import { decodeBody } from "../content/codec.ts";

/**
 * A message that failed for good. Fields are undefined if a message, put there by another program, does not have them.
 */
export interface DeadLetter {
  /** The message id. */
  readonly id: string | undefined;
  /** The outcome of its last run. */
  readonly reason: string | undefined;
  readonly errorType: string | undefined;
  readonly error: string | undefined;
  readonly stack: string | undefined;
  readonly attempts: number | undefined;
  /** How often it was redriven from the dead letters. */
  readonly redriven: number;
  readonly function: string | undefined;
  readonly host: string | undefined;
  readonly failedAt: Date | undefined;
  readonly firstSeen: Date | undefined;
  /** Where it was originally published. */
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  /** Size of the body in bytes. */
  readonly size: number;
  /** Why its headers cannot be read. If it is redriven, it becomes a dead letter again at once. */
  readonly unreadable: string | undefined;
  readonly headers: Record<string, unknown>;
  readonly properties: MessageProperties;
  readonly body: Uint8Array;
}

type Apart = "headers" | "properties" | "body" | "stack" | "failedAt" | "firstSeen";

/** A dead letter without headers and body. Times are ISO dates. */
export interface DeadLetterSummary extends Omit<DeadLetter, Apart> {
  readonly failedAt: string | undefined;
  readonly firstSeen: string | undefined;
  readonly contentType: string | undefined;
}

/** All of a dead letter, as JSON can have it: bytes are `{"base64": "…"}`. */
export interface DeadLetterDetail extends DeadLetterSummary {
  readonly stack: string | undefined;
  readonly headers: unknown;
  readonly properties: unknown;
  /** As it is decoded. Absent where that is bytes, or cannot be done. */
  readonly body?: unknown;
  readonly bodyBase64?: string;
  /** Why it cannot be decoded. */
  readonly bodyError?: string;
}

/** In a line or a row: without headers and body. */
export function summaryOf(letter: DeadLetter): DeadLetterSummary {
  const { headers: _headers, properties, body: _body, stack: _stack, failedAt, firstSeen, ...rest } = letter;
  return {
    ...rest,
    failedAt: failedAt?.toISOString(),
    firstSeen: firstSeen?.toISOString(),
    contentType: properties.contentType,
  };
}

/** The whole dead letter as JSON. Bytes become `{"base64": "…"}`. */
export async function detailOf(letter: DeadLetter): Promise<DeadLetterDetail> {
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
