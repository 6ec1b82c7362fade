import { cutToShortString } from "../../base/short_string.ts";
import type { Result } from "../../invocation/outcome.ts";
import { MAX_OUTPUT_BYTES, MAX_OUTPUTS, type Publication } from "../../invocation/publication.ts";
import { type Form, FormReader, inForm } from "./plain.ts";
import { type FromGuest, notOfTheProtocol } from "./protocol.ts";

/** An invocation that completed and left something: what it publishes, and a result that somebody wants. */
export interface Completion {
  readonly id: number;
  readonly outputs: readonly Publication[];
  readonly result: Result | undefined;
}

/** The values of one completion before its outputs, and of each output, in the flat array, in this order. */
const HEAD = 4;
const FIELDS = 6;
/** The content type of a completion without a result. */
const NO_RESULT = 0;
/** A group with so many completions, or bytes of bodies, takes no more. */
const FULL_COUNT = 1_000;
const FULL_BYTES = 16 * 1024 * 1024;

/**
 * Completions on their way in one message: the bodies one after the other, the rest in one flat array. JSON carries it,
 * unless it cannot express a property or a header of an output.
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
    const bodies: Uint8Array[] = [];
    for (const { outputs, result } of this.#all) {
      for (const { body } of outputs) bodies.push(body);
      if (result) bodies.push(result.body);
    }
    return ["completed", bodies, ...inForm((form) => fields(this.#all, form))];
  }
}

function fields(all: readonly Completion[], form: Form): unknown[] | undefined {
  const rest: unknown[] = [];
  for (const { id, outputs, result } of all) {
    rest.push(id, outputs.length, result ? result.contentType ?? null : NO_RESULT, result?.body.length ?? 0);
    for (const output of outputs) {
      if (!form.take(output)) return undefined;
      const { exchange, routingKey, delay, body } = output;
      rest.push(exchange, routingKey, form.properties, form.headers, delay, body.length);
    }
  }
  return rest;
}

/**
 * The completions of one message, whose parts may be anything: a function can reach the connection of its own process. The
 * rest of each output is for the publish rules.
 *
 * @throws {TypeError} if it is not such a message
 */
export function unpackCompletions([bodies, rest, plain]: readonly unknown[]): Completion[] {
  if (!(bodies instanceof Uint8Array) || !Array.isArray(rest)) throw notOfTheProtocol();
  const all: Completion[] = [];
  let at = 0;
  const take = (size: unknown) => {
    if (!Number.isSafeInteger(size) || size as number < 0 || at + (size as number) > bodies.length) {
      throw notOfTheProtocol();
    }
    return bodies.subarray(at, at += size as number);
  };
  const reader = new FormReader(plain === true);
  for (let field = 0; field < rest.length;) {
    const [id, count, type, size] = rest.slice(field, field += HEAD);
    if (typeof id !== "number" || !isCount(count) || field + count * FIELDS > rest.length) throw notOfTheProtocol();
    const from = at;
    const outputs: Publication[] = [];
    for (let left = count; left > 0; left--, field += FIELDS) {
      outputs.push(publication(rest, field, take(rest[field + 5]), reader));
    }
    if (at - from > MAX_OUTPUT_BYTES) throw notOfTheProtocol();
    all.push({ id, outputs, result: type === NO_RESULT ? undefined : resultOf(type, take(size)) });
  }
  return all;
}

function publication(rest: readonly unknown[], at: number, body: Uint8Array, reader: FormReader): Publication {
  return {
    exchange: rest[at],
    routingKey: rest[at + 1],
    body,
    properties: reader.properties(rest[at + 2]),
    headers: reader.headers(rest[at + 3]),
    delay: rest[at + 4],
  } as Publication;
}

function resultOf(type: unknown, body: Uint8Array): Result {
  if (type !== null && typeof type !== "string") throw notOfTheProtocol();
  return { body, contentType: type === null ? undefined : cutToShortString(type) };
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && (count as number) >= 0 && (count as number) <= MAX_OUTPUTS;
}
