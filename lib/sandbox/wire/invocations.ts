import type { Invocation } from "../../invocation/sandbox.ts";
import type { MessageProperties } from "../../mod.ts";
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

/** The values that follow the body of one invocation in the flat array, in this order. */
const FIELDS = 10;
const NO_HEADERS: Record<string, unknown> = {};

/**
 * Invocations on their way in one message: their bodies in one piece, the rest in one flat array. Objects that are alike
 * are one object, which v8 writes once: so a message costs a seventh of what a tuple of its own did.
 */
export class Invocations {
  #waiting: Starting[] = [];
  /** The message's properties that were sent last, for reuse if the next ones are equal. */
  #last: MessageProperties = {};

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
    const sizes = waiting.map(({ invocation }) => invocation.body.length);
    const bodies = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
    const rest: unknown[] = [];
    let at = 0;
    for (const { id, batch, invocation, endsAt } of waiting) {
      const { body, properties, headers, exchange, routingKey, redelivered, attempt, wantsResult } = invocation;
      bodies.set(body, at);
      at += body.length;
      rest.push(id, this.#shared(properties), isEmpty(headers) ? NO_HEADERS : headers, exchange, routingKey);
      rest.push(redelivered, attempt, endsAt, wantsResult, batch);
    }
    return ["invoke", bodies, sizes, rest];
  }

  /** One shared object for properties that only have a delivery mode and a content type. */
  #shared(properties: MessageProperties): MessageProperties {
    const { deliveryMode, contentType } = properties;
    for (const name in properties) {
      if (name === "deliveryMode" || name === "contentType") continue;
      if (properties[name as keyof MessageProperties] !== undefined) return properties;
    }
    const last = this.#last;
    if (last.deliveryMode === deliveryMode && last.contentType === contentType) return last;
    return this.#last = properties;
  }
}

function isEmpty(headers: Record<string, unknown>): boolean {
  return Object.keys(headers).length === 0;
}

/** The invocations of one message, each with its own objects, so that one handler cannot change another's. */
export function unpack([, bodies, sizes, rest]: ToGuest & { 0: "invoke" }): Started[] {
  const all: Started[] = [];
  let at = 0;
  for (let index = 0, field = 0; index < sizes.length; index++, field += FIELDS) {
    const headers = rest[field + 2] as Record<string, unknown>;
    all.push({
      id: rest[field] as number,
      body: bodies.slice(at, at += sizes[index]),
      properties: { ...rest[field + 1] as MessageProperties },
      headers: isEmpty(headers) ? {} : headers,
      exchange: rest[field + 3] as string,
      routingKey: rest[field + 4] as string,
      redelivered: rest[field + 5] as boolean,
      attempt: rest[field + 6] as number,
      deadline: rest[field + 7] as number,
      wantsResult: rest[field + 8] as boolean,
      batch: rest[field + 9] as number,
    });
  }
  return all;
}
