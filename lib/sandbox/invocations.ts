import type { Invocation } from "../invocation/sandbox.ts";
import type { MessageProperties } from "../mod.ts";
import type { ToGuest } from "./protocol.ts";

/** An invocation with what its process has to know beside it. */
export interface Started extends Invocation {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Those with the same number run together; 0 is alone. */
  readonly batch: number;
}

/** What follows the body of one invocation, flat, in this order. */
const FIELDS = 10;
const NO_HEADERS: Record<string, unknown> = {};

/**
 * Invocations on their way in one message: their bodies in one piece, the rest in one flat array. Objects that are alike
 * are one object, which v8 writes once: so a message costs a seventh of what a tuple of its own did.
 */
export class Invocations {
  #waiting: Started[] = [];
  readonly #alike = new Map<string, MessageProperties>();

  get length(): number {
    return this.#waiting.length;
  }

  add(started: Started): void {
    this.#waiting.push(started);
  }

  /** Takes all that wait. */
  take(): ToGuest {
    const waiting = this.#waiting;
    this.#waiting = [];
    const sizes = waiting.map(({ body }) => body.length);
    const bodies = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
    const rest: unknown[] = [];
    let at = 0;
    for (const started of waiting) {
      const { body, id, properties, headers, exchange, routingKey, redelivered, attempt, deadline } = started;
      bodies.set(body, at);
      at += body.length;
      const empty = Object.keys(headers).length === 0;
      rest.push(id, this.#shared(properties), empty ? NO_HEADERS : headers, exchange, routingKey, redelivered);
      rest.push(attempt, deadline, started.wantsResult, started.batch);
    }
    return ["invoke", bodies, sizes, rest];
  }

  /** One object for all properties that say nothing but how the message is stored and what type it has. */
  #shared(properties: MessageProperties): MessageProperties {
    const { deliveryMode, contentType, ...others } = properties;
    for (const name in others) if (others[name as keyof typeof others] !== undefined) return properties;
    const key = `${deliveryMode} ${contentType}`;
    const known = this.#alike.get(key);
    if (known) return known;
    // Types come from whoever publishes.
    if (this.#alike.size >= 100) this.#alike.clear();
    this.#alike.set(key, properties);
    return properties;
  }
}

/** The invocations of one message, each with objects of its own: what one handler changes, no other sees. */
export function* unpack([, bodies, sizes, rest]: ToGuest & { 0: "invoke" }): Generator<Started> {
  let at = 0;
  for (const [index, size] of sizes.entries()) {
    const [id, properties, headers, exchange, routingKey, redelivered, attempt, deadline, wantsResult, batch] = rest
      .slice(
        index * FIELDS,
        (index + 1) * FIELDS,
      ) as [
        number,
        MessageProperties,
        Record<string, unknown>,
        string,
        string,
        boolean,
        number,
        number,
        boolean,
        number,
      ];
    const body = bodies.slice(at, at += size);
    const own = { properties: { ...properties }, headers: Object.keys(headers).length === 0 ? {} : headers };
    yield { id, body, ...own, exchange, routingKey, redelivered, attempt, deadline, wantsResult, batch };
  }
}
