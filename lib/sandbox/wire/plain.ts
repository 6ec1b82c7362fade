import type { MessageProperties } from "../../mod.ts";
import { notOfTheProtocol } from "./protocol.ts";

/** Saved before a function's module loads, which may replace them. */
const { getPrototypeOf, is, prototype: objectPrototype } = Object;
const { isFinite } = Number;
const { prototype: { getTime } } = Date;
const { apply } = Reflect;

/** Stands for the properties of the message before, or for no headers. */
const SAME = 0;

/** What a message has besides its body and its route. */
interface Described {
  readonly properties: MessageProperties;
  readonly headers: Record<string, unknown>;
}

/** How the properties and headers of messages are sent, one message after the other. */
export interface Form {
  readonly properties: unknown;
  readonly headers: unknown;
  /** Takes those of the next message. False if they cannot be sent in this form. */
  take(message: Described): boolean;
}

/**
 * The fields of all messages for JSON, if JSON can carry all of them: they stay together, in their order. Otherwise for
 * v8's serialization.
 */
export function inForm(fields: (form: Form) => unknown[] | undefined): [fields: unknown[], plain: boolean] {
  let plain: unknown[] | undefined;
  try {
    plain = fields(new PlainForm());
  } catch {
    // A header of the handler's throws when it is read. What is sent says so later, for its message alone.
  }
  return plain ? [plain, true] : [fields(new StructuredForm())!, false];
}

/** As they are. */
class StructuredForm implements Form {
  properties: unknown;
  headers: unknown;

  take({ properties, headers }: Described): boolean {
    this.properties = properties;
    this.headers = headers;
    return true;
  }
}

/** For JSON. Properties that are alike are sent once. */
class PlainForm implements Form {
  properties: unknown;
  headers: unknown;
  #last: MessageProperties | undefined;

  take({ properties, headers }: Described): boolean {
    this.properties = areAlike(properties, this.#last) ? SAME : plainProperties(properties);
    this.headers = isEmpty(headers) ? SAME : headers;
    this.#last = properties;
    return this.properties !== undefined && isPlain(headers);
  }
}

/** Reads what an `inForm` of the other side has made, for each message objects of its own. */
export class FormReader {
  readonly #plain: boolean;
  #last: MessageProperties | undefined;

  constructor(plain: boolean) {
    this.#plain = plain;
  }

  /** @throws {TypeError} if they are not in this form. As they are, they may be anything. */
  properties(given: unknown): MessageProperties {
    if (!this.#plain) return given as MessageProperties;
    if (given === SAME && this.#last) return this.#last = { ...this.#last };
    if (typeof given !== "object" || given === null) throw notOfTheProtocol();
    return this.#last = fromPlain(given as Record<string, unknown>);
  }

  headers(given: unknown): Record<string, unknown> {
    return this.#plain && given === SAME ? {} : given as Record<string, unknown>;
  }
}

/** Whether they are the same object, or have the same delivery mode and content type, and nothing else. */
function areAlike(properties: MessageProperties, last: MessageProperties | undefined): boolean {
  if (properties === last) return true;
  return last !== undefined && properties.deliveryMode === last.deliveryMode &&
    properties.contentType === last.contentType && hasKindOnly(properties) && hasKindOnly(last);
}

function hasKindOnly(properties: MessageProperties): boolean {
  for (const name in properties) if (name !== "deliveryMode" && name !== "contentType") return false;
  return true;
}

function isEmpty(headers: Record<string, unknown>): boolean {
  for (const _ in headers) return false;
  return true;
}

/** Whether JSON has each of these values as it is: texts, finite numbers, true and false. */
function isPlain(values: Record<string, unknown>): boolean {
  return isObject(values) && everyPlain(values, undefined);
}

/**
 * Properties as JSON has them as they are, with the timestamp in milliseconds since 1970. Undefined where it cannot.
 */
function plainProperties(properties: MessageProperties): Record<string, unknown> | undefined {
  if (!isObject(properties) || !everyPlain(properties as Record<string, unknown>, "timestamp")) return undefined;
  const { timestamp } = properties;
  if (timestamp === undefined) return properties as Record<string, unknown>;
  if (!(timestamp instanceof Date)) return undefined;
  const time: number = apply(getTime, timestamp, []);
  return isFinite(time) ? { ...properties, timestamp: time } : undefined;
}

/** The properties that `plainProperties` has made plain. The object is changed. */
function fromPlain(properties: Record<string, unknown>): MessageProperties {
  if (typeof properties.timestamp === "number") properties.timestamp = new Date(properties.timestamp);
  return properties as MessageProperties;
}

/** Not an array, a map and the like, which would lose what they are. */
function isObject(values: unknown): boolean {
  if (typeof values !== "object" || values === null) return false;
  const prototype = getPrototypeOf(values);
  return prototype === objectPrototype || prototype === null;
}

function everyPlain(values: Record<string, unknown>, but: string | undefined): boolean {
  for (const name in values) {
    const value = values[name];
    if (typeof value === "string" || typeof value === "boolean" || name === but) continue;
    // JSON has no negative zero.
    if (typeof value !== "number" || !isFinite(value) || is(value, -0)) return false;
  }
  return true;
}
