import type { Invocation } from "../../invocation/sandbox.ts";
import type { MessageProperties } from "../../mod.ts";
import { fromPlain, isPlain, plainProperties, SAME } from "./plain.ts";
import type { ToGuest } from "./protocol.ts";

/** An invocation, with the data that its process needs besides. */
export interface Started extends Invocation {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Invocations with the same number run as a batch. 0 means alone. */
  readonly batch: number;
}

/** An invocation that is about to begin in a process. */
export interface Starting {
  readonly id: number;
  readonly batch: number;
  readonly invocation: Invocation;
  /** Milliseconds since the epoch. */
  readonly endsAt: number;
}

/** The values of one invocation in the flat array, in this order. */
const FIELDS = 11;

/**
 * Invocations on their way in one message: their bodies one after the other, the rest in one flat array. JSON carries it, unless a
 * property or a header is nothing that JSON has.
 */
export class Invocations {
  #waiting: Starting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  add(starting: Starting): void {
    this.#waiting.push(starting);
  }

  /** Takes all waiting invocations. */
  take(): ToGuest {
    const waiting = this.#waiting;
    this.#waiting = [];
    const bodies = waiting.map(({ invocation }) => invocation.body);
    const plain = plainFields(waiting);
    return ["invoke", bodies, plain ?? waiting.flatMap(fieldsOf), plain !== undefined];
  }
}

/** Undefined if JSON cannot carry all of them: they stay together, in their order. */
function plainFields(waiting: readonly Starting[]): unknown[] | undefined {
  const all: unknown[] = [];
  let last: MessageProperties | undefined;
  for (const starting of waiting) {
    const { properties, headers } = starting.invocation;
    const sent = last && sameKind(properties, last) ? SAME : plainProperties(properties);
    if (sent === undefined || !isPlain(headers)) return undefined;
    last = properties;
    const { id, batch, endsAt, invocation } = starting;
    const { body, exchange, routingKey, redelivered, attempt, wantsResult } = invocation;
    all.push(id, sent, isEmpty(headers) ? SAME : headers, exchange, routingKey);
    all.push(redelivered, attempt, endsAt, wantsResult, batch, body.length);
  }
  return all;
}

function fieldsOf({ id, batch, endsAt, invocation }: Starting): unknown[] {
  const { body, properties, headers, exchange, routingKey, redelivered, attempt, wantsResult } = invocation;
  const { length } = body;
  return [id, properties, headers, exchange, routingKey, redelivered, attempt, endsAt, wantsResult, batch, length];
}

/** Whether both have the same delivery mode and content type, and nothing else. */
function sameKind(properties: MessageProperties, last: MessageProperties): boolean {
  return properties.deliveryMode === last.deliveryMode && properties.contentType === last.contentType &&
    hasKindOnly(properties) && hasKindOnly(last);
}

function hasKindOnly(properties: MessageProperties): boolean {
  for (const name in properties) if (name !== "deliveryMode" && name !== "contentType") return false;
  return true;
}

function isEmpty(headers: Record<string, unknown>): boolean {
  for (const _ in headers) return false;
  return true;
}

/** The invocations of one message, each with its own objects, so that one handler cannot change another's. */
export function unpack([, received, rest, plain]: ToGuest & { 0: "invoke" }): Started[] {
  const bodies = received as Uint8Array;
  const all: Started[] = [];
  let at = 0;
  let properties: MessageProperties = {};
  for (let field = 0; field < rest.length; field += FIELDS) {
    const given = rest[field + 1];
    properties = given === SAME ? { ...properties } : plain ? fromPlain(given as Record<string, unknown>) : given!;
    all.push({
      id: rest[field] as number,
      properties,
      headers: rest[field + 2] === SAME ? {} : rest[field + 2] as Record<string, unknown>,
      exchange: rest[field + 3] as string,
      routingKey: rest[field + 4] as string,
      redelivered: rest[field + 5] as boolean,
      attempt: rest[field + 6] as number,
      deadline: rest[field + 7] as number,
      wantsResult: rest[field + 8] as boolean,
      batch: rest[field + 9] as number,
      body: bodies.slice(at, at += rest[field + 10] as number),
    });
  }
  return all;
}
