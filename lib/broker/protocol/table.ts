import { AmqpError } from "./amqp_error.ts";
import { withRoom } from "../../base/bytes.ts";
import { SHORT_STRING } from "../../base/short_string.ts";
import { decodeText, encodeText } from "../../base/utf8.ts";

/**
 * The value of a field. When reading, integers up to 2^53 become numbers and larger ones bigints. When writing, an
 * integer becomes a signed 32-bit one (`I`) if it fits and a 64-bit one (`l`) if not, and a bigint is always 64-bit.
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

/** An object without a prototype, so that no key has a special meaning. */
export type FieldTable = { [key: string]: FieldValue };

/** One encoded field of a table, including its name. */
export interface RawField {
  name: string;
  /** The letter of the type. */
  type: string;
  /** The bytes from the name's length to the end of the value. */
  bytes: Uint8Array;
}

/** Limits the nesting of tables, since the call stack is limited. */
const MAX_DEPTH = 64;
/** Milliseconds since 1970. */
const LAST_DATE = 8.64e15;

/** @throws {AmqpError} 502 for an invalid table */
export function decodeTable(bytes: Uint8Array): FieldTable {
  return new TableReader(bytes).table(bytes.length, 0);
}

/** Skips a table that `decodeTable` can read. @throws {AmqpError} 502 for an invalid table */
export function checkTable(bytes: Uint8Array): void {
  new TableReader(bytes).skip(bytes.length, true, 0);
}

/** A value as text for messages. */
export function describeValue(value: FieldValue): string {
  return typeof value === "object" ? Deno.inspect(value, { depth: 2, compact: true, breakLength: 200 }) : String(value);
}

/** The fields one by one, still encoded, so that one can be changed and the others copied byte for byte. */
export function splitTable(bytes: Uint8Array): RawField[] {
  return new TableReader(bytes).fields();
}

/** The names of AMQP's field types in RabbitMQ's error texts. */
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

/** The integer types. */
export const INTEGER_TYPES = "bBsuIilL";

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
  S: (reader) => reader.text(reader.u32()),
  x: (reader) => reader.long().slice(),
  A: (reader, depth) => reader.array(depth),
  // Times beyond the range of a Date become the last Date.
  T: (reader) => new Date(Math.min(Number(reader.view.getBigUint64(reader.take(8))) * 1000, LAST_DATE)),
  F: (reader, depth) => reader.table(reader.u32(), depth),
  V: () => null,
};

/** Size of a value in bytes, by the letter of its type. */
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
      const name = this.text(this.u8());
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

  /** Skips a table or, without names, an array. */
  skip(length: number, named: boolean, depth: number): void {
    const end = this.#enter(length, depth);
    while (this.#offset < end) {
      if (named) this.take(this.u8());
      this.#skipValue(depth + 1);
    }
    this.#leave(end, undefined);
  }

  #skipValue(depth: number): void {
    const type = this.u8();
    const size = SIZES[type];
    if (size !== undefined) this.take(size);
    else if (type === tag("S") || type === tag("x")) this.take(this.u32());
    else if (type === tag("F") || type === tag("A")) this.skip(this.u32(), type === tag("F"), depth);
    else throw unknownType(type);
  }

  fields(): RawField[] {
    const fields: RawField[] = [];
    while (this.#offset < this.#bytes.length) {
      const start = this.#offset;
      const name = this.text(this.u8());
      const type = String.fromCharCode(this.#bytes[this.#offset]);
      this.#skipValue(1);
      fields.push({ name, type, bytes: this.#bytes.slice(start, this.#offset) });
    }
    return fields;
  }

  text(length: number): string {
    const start = this.take(length);
    return decodeText(this.#bytes, start, start + length);
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

/** Without its length. */
export function encodeTable(table: FieldTable): Uint8Array {
  return encoded((writer) => writer.fields(table));
}

/** One encoded field of a table. */
export function encodeField(name: string, value: FieldValue): Uint8Array {
  return encoded((writer) => writer.field(name, value));
}

function encoded(write: (writer: TableWriter) => void): Uint8Array {
  SHARED.length = 0;
  write(SHARED);
  return SHARED.bytes.slice(0, SHARED.length);
}

class TableWriter {
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;
  #view = new DataView(this.bytes.buffer);

  fields(table: FieldTable): void {
    for (const [name, value] of Object.entries(table)) this.field(name, value);
  }

  field(name: string, value: FieldValue): void {
    const start = this.#take(1);
    const size = this.#text(name, SHORT_STRING);
    this.bytes[start] = size;
    this.#value(value);
  }

  #value(value: FieldValue): void {
    if (value === null) this.#u8(tag("V"));
    else if (typeof value === "boolean") this.#u8(tag("t")).#u8(Number(value));
    else if (typeof value === "string") this.#long("S", () => void this.#text(value));
    else if (typeof value === "bigint") this.#u8(tag("l")).#i64(value);
    else if (typeof value === "number") this.#number(value);
    else if (value instanceof Date) this.#u8(tag("T")).#i64(BigInt(Math.floor(value.getTime() / 1000)));
    else if (value instanceof Uint8Array) this.#long("x", () => this.bytes.set(value, this.#take(value.length)));
    else if (Array.isArray(value)) this.#long("A", () => value.forEach((item) => this.#value(item)));
    else this.#long("F", () => this.fields(value));
  }

  #number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) {
      const at = this.#u8(tag("I")).#take(4);
      this.#view.setInt32(at, value);
    } else if (Number.isSafeInteger(value)) this.#u8(tag("l")).#i64(BigInt(value));
    else {
      const at = this.#u8(tag("d")).#take(8);
      this.#view.setFloat64(at, value);
    }
  }

  /** A value with its length in front. */
  #long(type: string, write: () => void): void {
    const at = this.#u8(tag(type)).#take(4);
    write();
    this.#view.setUint32(at, this.length - at - 4);
  }

  #u8(value: number): this {
    this.bytes[this.#take(1)] = value;
    return this;
  }

  #i64(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigInt64(at, value);
  }

  /** Writes text and returns its size in bytes: at most `most`, cut between two characters. */
  #text(text: string, most = Infinity): number {
    // A character takes at most three bytes.
    const at = this.#take(text.length * 3);
    const size = encodeText(text, this.bytes, at, at + Math.min(text.length * 3, most));
    this.length = at + size;
    return size;
  }

  /** Makes room and returns the offset. */
  #take(count: number): number {
    const at = this.length;
    this.length = at + count;
    if (this.length > this.bytes.length) {
      this.bytes = withRoom(this.bytes, at, this.length);
      this.#view = new DataView(this.bytes.buffer);
    }
    return at;
  }
}

/** One shared writer is enough, since writing is synchronous. */
const SHARED = new TableWriter();

function tag(type: string): number {
  return type.charCodeAt(0);
}
