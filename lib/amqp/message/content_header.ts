import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { joinBytes } from "../../base/bytes.ts";
import { decodeText } from "../../base/utf8.ts";
import { type Bytes, dateOf, decodeTable, type SplitTable, splitTable } from "./field_table.ts";
import { HEADERS } from "./names.ts";
import type { WireWriter } from "./wire_writer.ts";

/*
 * The properties of a message, including its headers, as they are in a content header.
 *
 * Reading decodes them and keeps their bytes beside the decoded values. Writing a copy reuses the bytes of each property
 * and header whose value is still the decoded one. So a copy keeps what decoding loses: the type of a number, texts that
 * are not UTF-8, properties without a name here, and values that cannot be decoded.
 */

/** In the order of their flags, from the highest bit down. */
export const PROPERTIES = ([
  ["contentType", "text"],
  ["contentEncoding", "text"],
  ["headers", "table"],
  ["deliveryMode", "octet"],
  ["priority", "octet"],
  ["correlationId", "text"],
  ["replyTo", "text"],
  ["expiration", "text"],
  ["messageId", "text"],
  ["timestamp", "timestamp"],
  ["type", "text"],
  ["userId", "text"],
  ["appId", "text"],
  // Reserved, but set by some clients. It is copied and not shown.
  ["clusterId", "hidden"],
] as const).map(([name, type], index) => ({ name, type, flag: 0x8000 >> index }));

export type PropertyName = typeof PROPERTIES[number]["name"];
export type PropertyType = typeof PROPERTIES[number]["type"];

/** Bytes of a value, or of the length before it. */
const HEAD: Record<PropertyType, number> = { text: 1, hidden: 1, table: 4, octet: 1, timestamp: 8 };

/** Two bits without a property: one announces more flags, and the other has no meaning. */
const UNKNOWN_FLAGS = 0x0003;
const MORE_FLAGS = 0x0001;

/** Most messages share arrays of this size: allocating one for each would take as long as all other reading. */
const SHARED = 16 * 1024;
/** Up to this many bytes are copied one by one, which is faster than making a view of them. */
const FEW = 64;
/** Larger headers get an array of their own. */
const LARGE = 1_024;
let shared = new Uint8Array(0);
let used = SHARED;

/** The encoded properties of one message. */
export class Received {
  /** Start and end of the data, beginning with the flags. */
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  readonly #decoded: AMQPProperties;
  #parts: Parts | undefined;

  /** Copies a range of a buffer that will be reused. */
  constructor(bytes: Uint8Array, start: number, end: number, decoded: AMQPProperties) {
    const size = Math.max(0, end - start);
    this.#decoded = decoded;
    if (size > LARGE) {
      this.#bytes = bytes.slice(start, end);
      this.#start = 0;
    } else {
      if (used + size > SHARED) {
        shared = new Uint8Array(SHARED);
        used = 0;
      }
      this.#bytes = shared;
      this.#start = used;
      if (size > FEW) shared.set(bytes.subarray(start, end), used);
      else for (let at = 0; at < size; at++) shared[used + at] = bytes[start + at];
      used += size;
    }
    this.#end = this.#start + size;
  }

  /** Bytes that belong to no property and no header that a broker would accept. Undefined if there are none. */
  get rest(): Uint8Array {
    const { table, rest } = this.#split();
    return table.rest.length + rest.length === 0 ? NOTHING : joinBytes([table.rest, rest]);
  }

  /** Writes the bytes of a property, by its index, where it is there and `value` is what it was decoded to; else false. */
  copy(writer: WireWriter, index: number, value: unknown): boolean {
    if (!Object.is(value, decodedProperty(this.#decoded, PROPERTIES[index].name))) return false;
    const { spans } = this.#split();
    const end = spans[2 * index + 1];
    if (end === 0) return false;
    writer.raw(this.#bytes, this.#start + spans[2 * index], this.#start + end);
    return true;
  }

  /** The unchanged headers, each with its name and type. */
  headers(now: Record<string, unknown>): SplitTable["fields"] {
    const { fields } = this.#split().table;
    if (fields.length === 0) return fields;
    const decoded = this.#decoded.headers ?? {};
    return fields.filter(({ name }) => Object.is(ownValue(now, name), ownValue(decoded, name)));
  }

  #split(): Parts {
    return this.#parts ??= split(this.#bytes.subarray(this.#start, this.#end));
  }
}

interface Parts {
  /** Where each property begins and ends, by its index; two zeros where it is not there. */
  readonly spans: readonly number[];
  readonly table: SplitTable;
  /** What is behind the last property. */
  readonly rest: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const NO_TABLE: SplitTable = { fields: [], rest: NOTHING };

class Given {
  constructor(object: object) {
    return object;
  }
}

/**
 * Puts what was received onto properties, as a private field: whoever compares, copies, prints or sends the properties
 * does not see it.
 */
class Known extends Given {
  #received: Received;

  constructor(properties: object, received: Received) {
    super(properties);
    this.#received = received;
  }

  static receivedOf(properties: object): Received | undefined {
    return #received in properties ? properties.#received : undefined;
  }
}

/** How these properties were encoded, if they were received. */
export function receivedOf(properties: object): Received | undefined {
  return Known.receivedOf(properties);
}

/** Attaches to `properties` the encoding of the ones that they were made from. */
export function keepReceived<T extends object>(properties: T, from: object): T {
  const received = receivedOf(from);
  if (received && !receivedOf(properties)) new Known(properties, received);
  return properties;
}

/**
 * Decodes the properties between `start`, where their flags are, and `end`. Never throws: what cannot be read is named
 * in the header `warren-malformed`.
 */
export function readProperties(from: Bytes, start: number, end: number): AMQPProperties {
  const properties: AMQPProperties = {};
  const walk = new Walk(from, start, end);
  let problem: string | undefined;
  while (walk.next()) {
    const { name, type, at, to } = walk;
    if (type === "text") set(properties, name, decodeText(from.bytes, at + 1, to));
    else if (type === "octet") set(properties, name, from.bytes[at]);
    else if (type === "table") {
      const table = decodeTable(from, at + 4, to);
      set(properties, name, table.headers);
      if (table.problem !== undefined) problem = `the header ${table.problem}`;
    } else if (type === "timestamp") {
      const date = dateOf(from.view.getBigInt64(at));
      if (date) set(properties, name, date);
    }
  }
  problem ??= walk.problem;
  new Known(properties, new Received(from.bytes, start, end, properties));
  if (problem !== undefined) set(properties, "headers", { ...properties.headers, [HEADERS.malformed]: problem });
  return properties;
}

function set(properties: AMQPProperties, name: PropertyName, value: unknown): void {
  (properties as Record<string, unknown>)[name] = value;
}

/** Skips properties one by one, until one exceeds the end. */
class Walk {
  name: PropertyName = "clusterId";
  type: PropertyType = "hidden";
  /** Start of the property, with the length of a text or a table. After the last one, the end of all. */
  at: number;
  to: number;
  problem: string | undefined;
  readonly #from: Bytes;
  readonly #end: number;
  readonly #flags: number;
  /** Of the property that comes next. */
  index = 0;

  constructor(from: Bytes, start: number, end: number) {
    this.#from = from;
    this.#end = end;
    this.#flags = end - start < 2 ? 0 : from.view.getUint16(start);
    this.at = this.to = Math.min(start + 2, end);
    if (end - start < 2) this.problem = "there are no properties";
    if (this.#flags & UNKNOWN_FLAGS) this.#passFlags();
  }

  next(): boolean {
    this.at = this.to;
    while (this.index < PROPERTIES.length) {
      const { name, type, flag } = PROPERTIES[this.index++];
      if (this.#flags & flag) return this.#enter(name, type);
    }
    if (this.at < this.#end) this.problem ??= "there are more bytes than properties";
    return false;
  }

  #enter(name: PropertyName, type: PropertyType): boolean {
    const { view, bytes } = this.#from;
    const { at } = this;
    let to = at + HEAD[type];
    if (to <= this.#end && type === "table") to += view.getUint32(at);
    else if (to <= this.#end && (type === "text" || type === "hidden")) to += bytes[at];
    if (to > this.#end) {
      this.index = PROPERTIES.length;
      this.problem ??= `the property ${name} goes on behind its frame`;
      return false;
    }
    this.name = name;
    this.type = type;
    this.to = to;
    return true;
  }

  #passFlags(): void {
    this.problem = "there are properties that AMQP 0-9-1 does not have";
    for (let more = this.#flags; more & MORE_FLAGS && this.to + 2 <= this.#end; this.to += 2) {
      more = this.#from.view.getUint16(this.to);
    }
  }
}

function split(bytes: Uint8Array): Parts {
  const from = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  const spans: number[] = new Array(2 * PROPERTIES.length).fill(0);
  let table = NO_TABLE;
  const walk = new Walk(from, 0, bytes.length);
  while (walk.next()) {
    const { type, at, to } = walk;
    const index = 2 * (walk.index - 1);
    spans[index] = at;
    spans[index + 1] = to;
    if (type === "table") table = splitTable(from, at + 4, to);
  }
  return { spans, table, rest: bytes.subarray(walk.at) };
}

/** The decoded value. Undefined for the hidden property. */
export function decodedProperty(properties: AMQPProperties, name: PropertyName): unknown {
  return name === "clusterId" ? undefined : properties[name];
}

function ownValue(table: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
