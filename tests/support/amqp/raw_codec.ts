import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";

export { ByteReader, ByteWriter };

export type FieldType =
  | "S"
  | "I"
  | "l"
  | "b"
  | "B"
  | "s"
  | "u"
  | "i"
  | "d"
  | "f"
  | "t"
  | "T"
  | "F"
  | "A"
  | "x"
  | "V"
  | "D";

export interface Decimal {
  scale: number;
  value: number;
}

export type FieldValue = string | number | bigint | boolean | null | Uint8Array | Decimal | Field[] | Table;

/** One value of a field table with the type that it has on the wire. */
export class Field {
  constructor(readonly type: FieldType, readonly value: FieldValue) {}
}

/** A table as it was read. */
export interface Table {
  [name: string]: Field;
}

/** A table to write: a Field has the type it says, any other value the type that fits it best. */
export interface TableInput {
  [name: string]: FieldInput | undefined;
}

export type FieldInput =
  | Field
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | FieldInput[]
  | TableInput;

export type Plain = string | number | boolean | null | Uint8Array | Decimal | Plain[] | PlainTable;

/** A table without its wire types, for comparing. */
export interface PlainTable {
  [name: string]: Plain;
}

export function field(type: FieldType, value: FieldValue): Field {
  return new Field(type, value);
}

interface FieldCodec {
  write(writer: ByteWriter, value: FieldValue): void;
  read(reader: ByteReader): FieldValue;
}

const FIELDS: Record<FieldType, FieldCodec> = {
  S: { write: (w, v) => w.longstr(v as string), read: (r) => r.lossless(r.long()) },
  I: { write: (w, v) => w.long(Number(v) >>> 0), read: (r) => r.signedLong() },
  i: { write: (w, v) => w.long(Number(v)), read: (r) => r.long() },
  l: { write: (w, v) => w.longlong(v as bigint), read: (r) => r.signedLonglong() },
  b: { write: (w, v) => w.octet(Number(v) & 0xff), read: (r) => r.byte() },
  B: { write: (w, v) => w.octet(Number(v)), read: (r) => r.octet() },
  s: { write: (w, v) => w.short(Number(v) & 0xffff), read: (r) => r.signedShort() },
  u: { write: (w, v) => w.short(Number(v)), read: (r) => r.short() },
  d: { write: (w, v) => w.double(Number(v)), read: (r) => r.double() },
  f: { write: (w, v) => w.float(Number(v)), read: (r) => r.float() },
  t: { write: (w, v) => w.octet(v ? 1 : 0), read: (r) => r.octet() !== 0 },
  T: { write: (w, v) => w.longlong(v as bigint), read: (r) => r.longlong() },
  F: { write: (w, v) => writeTable(w, v as TableInput), read: readTable },
  A: {
    write: (w, v) => w.sized((inner) => (v as Field[]).forEach((item) => writeField(inner, item))),
    read: readArray,
  },
  x: { write: (w, v) => w.longstr(v as Uint8Array), read: (r) => r.raw(r.long()) },
  V: { write: () => {}, read: () => null },
  D: {
    write: (w, v) => (w.octet((v as Decimal).scale), w.long((v as Decimal).value)),
    read: (r) => ({ scale: r.octet(), value: r.long() }),
  },
};

/** The wire type of a value that does not name its own. */
function typed(value: FieldInput): Field {
  if (value instanceof Field) return value;
  if (value === null) return new Field("V", null);
  if (value instanceof Uint8Array) return new Field("x", value);
  if (Array.isArray(value)) return new Field("A", value.map(typed));
  if (typeof value === "string") return new Field("S", value);
  if (typeof value === "boolean") return new Field("t", value);
  if (typeof value === "bigint") return new Field("l", value);
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return new Field("d", value);
    return Math.abs(value) < 2 ** 31 ? new Field("I", value) : new Field("l", BigInt(value));
  }
  return new Field("F", typedTable(value));
}

export function typedTable(table: TableInput): Table {
  const entries = Object.entries(table).filter((entry): entry is [string, FieldInput] => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, typed(value)]));
}

function writeField(writer: ByteWriter, { type, value }: Field): void {
  writer.octet(type.charCodeAt(0));
  FIELDS[type].write(writer, value);
}

function readField(reader: ByteReader): Field {
  const type = String.fromCharCode(reader.octet()) as FieldType;
  const codec = FIELDS[type];
  if (!codec) throw new Error(`No field has the type ${JSON.stringify(type)}`);
  return new Field(type, codec.read(reader));
}

export function writeTable(writer: ByteWriter, table: TableInput): void {
  writer.sized((inner) => {
    for (const [name, value] of Object.entries(typedTable(table))) {
      inner.shortstr(name);
      writeField(inner, value);
    }
  });
}

export function readTable(reader: ByteReader): Table {
  const inner = new ByteReader(reader.raw(reader.long()));
  const table: Table = {};
  while (inner.left > 0) table[inner.shortstr()] = readField(inner);
  return table;
}

function readArray(reader: ByteReader): Field[] {
  const inner = new ByteReader(reader.raw(reader.long()));
  const items: Field[] = [];
  while (inner.left > 0) items.push(readField(inner));
  return items;
}

export function plainTable(table: Table): PlainTable {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, plain(value)]));
}

export function plain({ type, value }: Field): Plain {
  if (type === "F") return plainTable(value as Table);
  if (type === "A") return (value as Field[]).map(plain);
  return typeof value === "bigint" ? Number(value) : value as Plain;
}

/** The basic properties in the order of their flags, the highest bit first. */
const PROPERTIES = [
  ["contentType", "shortstr"],
  ["contentEncoding", "shortstr"],
  ["headers", "table"],
  ["deliveryMode", "octet"],
  ["priority", "octet"],
  ["correlationId", "shortstr"],
  ["replyTo", "shortstr"],
  ["expiration", "shortstr"],
  ["messageId", "shortstr"],
  ["timestamp", "longlong"],
  ["type", "shortstr"],
  ["userId", "shortstr"],
  ["appId", "shortstr"],
  ["clusterId", "shortstr"],
] as const;

interface PropertiesOf<T> {
  contentType?: string;
  contentEncoding?: string;
  headers?: T;
  deliveryMode?: number;
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  expiration?: string;
  messageId?: string;
  timestamp?: bigint;
  type?: string;
  userId?: string;
  appId?: string;
  clusterId?: string;
}

export type PropertiesInput = PropertiesOf<TableInput>;
export type Properties = PropertiesOf<Table>;

/** The flags of the properties and the properties, as they are in a content header. */
export function encodeProperties(properties: PropertiesInput): Uint8Array<ArrayBuffer> {
  const values = new ByteWriter();
  let flags = 0;
  PROPERTIES.forEach(([name, type], index) => {
    const value = properties[name];
    if (value === undefined) return;
    flags |= 1 << (15 - index);
    if (type === "table") writeTable(values, value as TableInput);
    else (values[type] as (value: unknown) => void).call(values, value);
  });
  const writer = new ByteWriter();
  writer.short(flags);
  writer.raw(values.take());
  return writer.take();
}

export function decodeProperties(bytes: Uint8Array): Properties {
  const reader = new ByteReader(bytes);
  const flags = reader.short();
  const entries = PROPERTIES.flatMap(([name, type], index) => {
    if (!(flags & (1 << (15 - index)))) return [];
    return [[name, type === "table" ? readTable(reader) : reader[type]()]];
  });
  return Object.fromEntries(entries);
}
