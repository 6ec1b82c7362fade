import { AmqpError } from "./amqp_error.ts";

/**
 * What a field holds. On the way in every integer up to 2^53 is a number, a larger one a bigint; on the
 * way out a number that is an integer is a signed 32-bit one (`I`), or a 64-bit one (`l`) where it must,
 * and a bigint always a 64-bit one.
 */
export type FieldValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | FieldValue[]
  | FieldTable;

/** Without a prototype, so that no key means anything. */
export type FieldTable = { [key: string]: FieldValue };

/** One field as it stands in an encoded table, its name included. */
export interface RawField {
  name: string;
  /** The type's letter. */
  type: string;
  /** From the name's length to the value's end. */
  bytes: Uint8Array;
}

/** Tables in tables in tables: a stack is finite. */
const MAX_DEPTH = 64;
/** Milliseconds since 1970. */
const LAST_DATE = 8.64e15;
const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** @throws {AmqpError} 502 for what is no table */
export function decodeTable(bytes: Uint8Array): FieldTable {
  return new TableReader(bytes).table(bytes.length, 0);
}

/** Passes over a table that `decodeTable` can read. @throws {AmqpError} 502 for what is no table */
export function checkTable(bytes: Uint8Array): void {
  new TableReader(bytes).skip(bytes.length, true, 0);
}

/** A value for people. */
export function describeValue(value: FieldValue): string {
  return typeof value === "object" ? Deno.inspect(value, { depth: 2, compact: true, breakLength: 200 }) : String(value);
}

/** The fields one by one, undecoded: to change one and leave the others as they are, byte for byte. */
export function splitTable(bytes: Uint8Array): RawField[] {
  return new TableReader(bytes).fields();
}

/** The names of AMQP's field types, as RabbitMQ says them in its refusals. */
export const TYPE_NAMES: Record<string, string> = {
  t: "bool",
  b: "byte",
  B: "unsignedbyte",
  s: "short",
  u: "unsignedshort",
  I: "signedint",
  i: "unsignedint",
  l: "long",
  f: "float",
  d: "double",
  D: "decimal",
  S: "longstr",
  A: "array",
  T: "timestamp",
  F: "table",
  V: "void",
  x: "binary",
};

type ReadField = (reader: TableReader, depth: number) => FieldValue;

const FIELDS: Record<string, ReadField> = {
  t: (reader) => reader.u8() !== 0,
  b: (reader) => reader.view.getInt8(reader.take(1)),
  B: (reader) => reader.u8(),
  s: (reader) => reader.view.getInt16(reader.take(2)),
  u: (reader) => reader.view.getUint16(reader.take(2)),
  I: (reader) => reader.view.getInt32(reader.take(4)),
  i: (reader) => reader.view.getUint32(reader.take(4)),
  l: (reader) => small(reader.view.getBigInt64(reader.take(8))),
  L: (reader) => small(reader.view.getBigInt64(reader.take(8))),
  f: (reader) => reader.view.getFloat32(reader.take(4)),
  d: (reader) => reader.view.getFloat64(reader.take(8)),
  D: (reader) => {
    const scale = reader.u8();
    return reader.view.getInt32(reader.take(4)) / 10 ** scale;
  },
  S: (reader) => utf8.decode(reader.long()),
  x: (reader) => reader.long().slice(),
  A: (reader, depth) => reader.array(depth),
  // Beyond what a Date can be, the last one that it can.
  T: (reader) => new Date(Math.min(Number(reader.view.getBigUint64(reader.take(8))) * 1000, LAST_DATE)),
  F: (reader, depth) => reader.table(reader.u32(), depth),
  V: () => null,
};

/** Bytes that a value of each type has, by the type's letter. */
const SIZES: Record<number, number> = Object.fromEntries(
  Object.entries({ t: 1, b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, l: 8, L: 8, f: 4, d: 8, D: 5, T: 8, V: 0 })
    .map(([type, size]) => [tag(type), size]),
);

class TableReader {
  readonly view: DataView;
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(count: number): number {
    const start = this.#offset;
    if (start + count > this.#bytes.length) throw malformed("ends in the middle of a field");
    this.#offset = start + count;
    return start;
  }

  u8(): number {
    return this.#bytes[this.take(1)];
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  long(): Uint8Array {
    const length = this.u32();
    const start = this.take(length);
    return this.#bytes.subarray(start, start + length);
  }

  table(length: number, depth: number): FieldTable {
    const end = this.#enter(length, depth);
    const table: FieldTable = Object.create(null);
    while (this.#offset < end) {
      const name = this.#name();
      table[name] = this.#value(depth + 1);
    }
    return this.#leave(end, table);
  }

  array(depth: number): FieldValue[] {
    const end = this.#enter(this.u32(), depth);
    const values: FieldValue[] = [];
    while (this.#offset < end) values.push(this.#value(depth + 1));
    return this.#leave(end, values);
  }

  /** Passes over a table or, without names, an array. */
  skip(length: number, named: boolean, depth: number): void {
    const end = this.#enter(length, depth);
    while (this.#offset < end) {
      if (named) this.take(this.u8());
      const type = this.u8();
      const size = SIZES[type];
      if (size !== undefined) this.take(size);
      else if (type === tag("S") || type === tag("x")) this.take(this.u32());
      else if (type === tag("F") || type === tag("A")) this.skip(this.u32(), type === tag("F"), depth + 1);
      else throw unknownType(type);
    }
    this.#leave(end, undefined);
  }

  fields(): RawField[] {
    const fields: RawField[] = [];
    while (this.#offset < this.#bytes.length) {
      const start = this.#offset;
      const name = this.#name();
      const type = String.fromCharCode(this.#bytes[this.#offset]);
      this.#value(1);
      fields.push({ name, type, bytes: this.#bytes.slice(start, this.#offset) });
    }
    return fields;
  }

  #name(): string {
    const length = this.u8();
    const start = this.take(length);
    return utf8.decode(this.#bytes.subarray(start, start + length));
  }

  #value(depth: number): FieldValue {
    const type = this.u8();
    const read = FIELDS[String.fromCharCode(type)];
    if (!read) throw unknownType(type);
    return read(this, depth);
  }

  #enter(length: number, depth: number): number {
    if (depth > MAX_DEPTH) throw malformed(`is nested more than ${MAX_DEPTH} deep`);
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw malformed("is longer than its frame");
    return end;
  }

  #leave<T>(end: number, value: T): T {
    if (this.#offset !== end) throw malformed("ends in the middle of a field");
    return value;
  }
}

function malformed(what: string): AmqpError {
  return AmqpError.hard("syntaxError", `a field table ${what}`);
}

function unknownType(type: number): AmqpError {
  return malformed(`has a field of the unknown type ${JSON.stringify(String.fromCharCode(type))}`);
}

function small(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}

/** Without the length before it. */
export function encodeTable(table: FieldTable): Uint8Array {
  const parts: number[] = [];
  for (const [name, value] of Object.entries(table)) pushField(parts, name, value);
  return new Uint8Array(parts);
}

/** One field as it stands in an encoded table. */
export function encodeField(name: string, value: FieldValue): Uint8Array {
  const parts: number[] = [];
  pushField(parts, name, value);
  return new Uint8Array(parts);
}

function pushField(parts: number[], name: string, value: FieldValue): void {
  const encoded = encoder.encode(name).subarray(0, 255);
  parts.push(encoded.length, ...encoded);
  pushValue(parts, value);
}

function pushValue(parts: number[], value: FieldValue): void {
  if (value === null) parts.push(tag("V"));
  else if (typeof value === "boolean") parts.push(tag("t"), Number(value));
  else if (typeof value === "string") pushLong(parts, "S", encoder.encode(value));
  else if (typeof value === "bigint") push64(parts, "l", value);
  else if (typeof value === "number") pushNumber(parts, value);
  else if (value instanceof Date) push64(parts, "T", BigInt(Math.floor(value.getTime() / 1000)));
  else if (value instanceof Uint8Array) pushLong(parts, "x", value);
  else if (Array.isArray(value)) {
    const inner: number[] = [];
    for (const item of value) pushValue(inner, item);
    pushLong(parts, "A", inner);
  } else pushLong(parts, "F", encodeTable(value));
}

function pushNumber(parts: number[], value: number): void {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) {
    parts.push(tag("I"), (value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255);
  } else if (Number.isSafeInteger(value)) push64(parts, "l", BigInt(value));
  else {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    parts.push(tag("d"), ...bytes);
  }
}

function push64(parts: number[], type: string, value: bigint): void {
  parts.push(tag(type));
  for (let shift = 56n; shift >= 0n; shift -= 8n) parts.push(Number((value >> shift) & 255n));
}

function pushLong(parts: number[], type: string, bytes: ArrayLike<number>): void {
  const { length } = bytes;
  parts.push(tag(type), (length >>> 24) & 255, (length >> 16) & 255, (length >> 8) & 255, length & 255);
  for (let i = 0; i < length; i++) parts.push(bytes[i]);
}

function tag(type: string): number {
  return type.charCodeAt(0);
}
