import type { Invocation } from "../../invocation/sandbox.ts";
import { type Form, FormReader, inForm } from "./plain.ts";
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
 * Invocations on their way in one message: their bodies one after the other, the rest in one flat array. JSON carries it,
 * unless it cannot express a property or a header.
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
    return ["invoke", bodies, ...inForm((form) => fields(waiting, form))];
  }
}

function fields(waiting: readonly Starting[], form: Form): unknown[] | undefined {
  const all: unknown[] = [];
  for (const { id, batch, endsAt, invocation } of waiting) {
    if (!form.take(invocation)) return undefined;
    const { body, exchange, routingKey, redelivered, attempt, wantsResult } = invocation;
    all.push(id, form.properties, form.headers, exchange, routingKey);
    all.push(redelivered, attempt, endsAt, wantsResult, batch, body.length);
  }
  return all;
}

/** The invocations of one message, each with its own objects, so that one handler cannot change another's. */
export function unpack([, received, rest, plain]: ToGuest & { 0: "invoke" }): Started[] {
  const bodies = received as Uint8Array;
  const all: Started[] = [];
  const reader = new FormReader(plain);
  let at = 0;
  for (let field = 0; field < rest.length; field += FIELDS) {
    all.push({
      id: rest[field] as number,
      properties: reader.properties(rest[field + 1]),
      headers: reader.headers(rest[field + 2]),
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
