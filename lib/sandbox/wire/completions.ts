import { cutToShortString } from "../../base/short_string.ts";
import type { Result } from "../../invocation/outcome.ts";
import { MAX_OUTPUT_BYTES, MAX_OUTPUTS, type Publication } from "../../invocation/publication.ts";
import type { MessageProperties } from "../../mod.ts";
import { fromPlain, isPlain, plainProperties, SAME } from "./plain.ts";
import type { FromGuest } from "./protocol.ts";

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
 * Completions on their way in one message: the bodies one after the other, the rest in one flat array. JSON carries it, unless an
 * output has a property or a header that is nothing that JSON has.
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
    const plain = fields(this.#all, plainForms());
    return ["completed", bodies, plain ?? fields(this.#all, (output) => output)!, plain !== undefined];
  }
}

/** How the properties and headers of an output are sent. Undefined if they cannot be sent so. */
type Forms = (output: Publication) => { readonly properties: unknown; readonly headers: unknown } | undefined;

function fields(all: readonly Completion[], forms: Forms): unknown[] | undefined {
  const rest: unknown[] = [];
  for (const { id, outputs, result } of all) {
    rest.push(id, outputs.length, result ? result.contentType ?? null : NO_RESULT, result?.body.length ?? 0);
    for (const output of outputs) {
      const sent = forms(output);
      if (!sent) return undefined;
      const { exchange, routingKey, delay, body } = output;
      rest.push(exchange, routingKey, sent.properties, sent.headers, delay, body.length);
    }
  }
  return rest;
}

/** For JSON. Outputs that are alike share their properties, which are sent once. */
function plainForms(): Forms {
  let last: MessageProperties | undefined;
  return ({ properties, headers }) => {
    const sent = properties === last ? SAME : plainProperties(properties);
    last = properties;
    return sent !== undefined && isPlain(headers) ? { properties: sent, headers } : undefined;
  };
}

/**
 * The completions of one message, whose parts may be anything: a function can reach the connection of its own process. The
 * rest of each output is for the publish rules.
 *
 * @throws {TypeError} if it is not such a message
 */
export function unpackCompletions([bodies, rest, plain]: readonly unknown[]): Completion[] {
  if (!(bodies instanceof Uint8Array) || !Array.isArray(rest)) throw wrong();
  const all: Completion[] = [];
  let at = 0;
  const take = (size: unknown) => {
    if (!Number.isSafeInteger(size) || size as number < 0 || at + (size as number) > bodies.length) throw wrong();
    return bodies.subarray(at, at += size as number);
  };
  const propertiesOf = plain === true ? plainReader() : (given: unknown) => given;
  for (let field = 0; field < rest.length;) {
    const [id, count, type, size] = rest.slice(field, field += HEAD);
    if (typeof id !== "number" || !isCount(count) || field + count * FIELDS > rest.length) throw wrong();
    const from = at;
    const outputs: Publication[] = [];
    for (let left = count; left > 0; left--, field += FIELDS) {
      const body = take(rest[field + 5]);
      outputs.push(publication(rest, field, body, propertiesOf(rest[field + 2])));
    }
    if (at - from > MAX_OUTPUT_BYTES) throw wrong();
    all.push({ id, outputs, result: type === NO_RESULT ? undefined : resultOf(type, take(size)) });
  }
  return all;
}

/** Reads what `plainForms` made. */
function plainReader(): (given: unknown) => unknown {
  let last: unknown;
  return (given) => {
    if (given === SAME) return last;
    if (typeof given !== "object" || given === null) throw wrong();
    return last = fromPlain(given as Record<string, unknown>);
  };
}

function publication(rest: readonly unknown[], at: number, body: Uint8Array, properties: unknown): Publication {
  return {
    exchange: rest[at],
    routingKey: rest[at + 1],
    body,
    properties,
    headers: rest[at + 3],
    delay: rest[at + 4],
  } as Publication;
}

function resultOf(type: unknown, body: Uint8Array): Result {
  if (type !== null && typeof type !== "string") throw wrong();
  return { body, contentType: type === null ? undefined : cutToShortString(type) };
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && (count as number) >= 0 && (count as number) <= MAX_OUTPUTS;
}

function wrong(): TypeError {
  return new TypeError("it is no message of the protocol");
}
