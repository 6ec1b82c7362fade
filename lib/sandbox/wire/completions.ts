import { cutToShortString } from "../../base/short_string.ts";
import type { Result } from "../../invocation/outcome.ts";
import { MAX_OUTPUT_BYTES, MAX_OUTPUTS, type Publication } from "../../invocation/publication.ts";
import type { FromGuest } from "./protocol.ts";

/** An invocation that completed and left something: what it publishes, and a result that somebody wants. */
export interface Completion {
  readonly id: number;
  readonly outputs: readonly Publication[];
  readonly result: Result | undefined;
}

/** What the process says of one completion before its outputs, and of each output, flat, in this order. */
const HEAD = 3;
const FIELDS = 5;
/** A group with so many completions, or bytes of bodies, takes no more. */
const FULL_COUNT = 1_000;
const FULL_BYTES = 16 * 1024 * 1024;
/** More than there can be in one message. */
const MAX_SIZES = 2 * FULL_COUNT * MAX_OUTPUTS;

/**
 * Completions on their way in one message: the bodies in one piece, the rest in one flat array. Each array of bytes of its
 * own would be a call back of the serializer, on both sides.
 */
export class Completions {
  readonly #all: Completion[] = [];
  #bytes = 0;

  get full(): boolean {
    return this.#all.length >= FULL_COUNT || this.#bytes >= FULL_BYTES;
  }

  add(completion: Completion): void {
    this.#all.push(completion);
    for (const { body } of completion.outputs) this.#bytes += body.length;
    this.#bytes += completion.result?.body.length ?? 0;
  }

  pack(): FromGuest {
    const bodies = new Uint8Array(this.#bytes);
    const sizes: number[] = [];
    const rest: unknown[] = [];
    let at = 0;
    const put = (body: Uint8Array) => {
      bodies.set(body, at);
      at += body.length;
      sizes.push(body.length);
    };
    for (const { id, outputs, result } of this.#all) {
      rest.push(id, outputs.length, result ? result.contentType ?? null : undefined);
      for (const { exchange, routingKey, properties, headers, delay, body } of outputs) {
        rest.push(exchange, routingKey, properties, headers, delay);
        put(body);
      }
      if (result) put(result.body);
    }
    return ["completed", bodies, sizes, rest];
  }
}

/**
 * The completions of one message, whose parts may be anything: a function can reach the connection of its own process. The
 * rest of each output is for the publish rules.
 *
 * @throws {TypeError} if it is not such a message
 */
export function unpackCompletions([bodies, sizes, rest]: readonly unknown[]): Completion[] {
  if (!(bodies instanceof Uint8Array) || !isSizes(sizes) || !Array.isArray(rest)) throw wrong();
  const all: Completion[] = [];
  let [at, index] = [0, 0];
  const take = () => {
    const size = sizes[index++];
    if (size === undefined || at + size > bodies.length) throw wrong();
    return bodies.subarray(at, at += size);
  };
  for (let field = 0; field < rest.length;) {
    const [id, count, type] = rest.slice(field, field += HEAD);
    if (typeof id !== "number" || !isCount(count) || field + count * FIELDS > rest.length) throw wrong();
    const from = at;
    const outputs: Publication[] = [];
    for (let left = count; left > 0; left--, field += FIELDS) outputs.push(publication(rest, field, take()));
    if (at - from > MAX_OUTPUT_BYTES) throw wrong();
    all.push({ id, outputs, result: type === undefined ? undefined : resultOf(type, take()) });
  }
  return all;
}

function publication(rest: readonly unknown[], at: number, body: Uint8Array): Publication {
  return {
    exchange: rest[at],
    routingKey: rest[at + 1],
    body,
    properties: rest[at + 2],
    headers: rest[at + 3],
    delay: rest[at + 4],
  } as Publication;
}

function resultOf(type: unknown, body: Uint8Array): Result {
  if (type !== null && typeof type !== "string") throw wrong();
  return { body, contentType: type === null ? undefined : cutToShortString(type) };
}

function isSizes(sizes: unknown): sizes is number[] {
  return Array.isArray(sizes) && sizes.length <= MAX_SIZES &&
    sizes.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && (count as number) >= 0 && (count as number) <= MAX_OUTPUTS;
}

function wrong(): TypeError {
  return new TypeError("it is no message of the protocol");
}
