import { joinBytes } from "../../base/bytes.ts";
import { decodeText } from "../../base/utf8.ts";

/** Deeper tables and arrays are not decoded: the recursion would overflow the stack. */
const MAX_DEPTH = 32;
/** Seconds before or after 1970 that a `Date` can represent. */
const LAST_SECOND = 8_640_000_000_000n;

/** Encoded bytes, and a view for reading numbers. */
export interface Bytes {
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

/** A decoded header table. */
export interface DecodedTable {
  /** A value that cannot be decoded becomes a text that says so. */
  readonly headers: Record<string, unknown>;
  /** The first problem that was found. */
  readonly problem: string | undefined;
}

/** A header table in pieces, not decoded. */
export interface SplitTable {
  /** The complete fields in order, each from its name's length to the end of its value. */
  readonly fields: { readonly name: string; readonly bytes: Uint8Array }[];
  /** The rest: incomplete fields, and those that no broker would accept. */
  readonly rest: Uint8Array;
}

/** Decodes from `start` to `end`. A field that cannot be decoded does not affect the others. */
export function decodeTable(from: Bytes, start: number, end: number): DecodedTable {
  const reader = new FieldReader(from, start, end);
  const headers: Record<string, unknown> = {};
  let problem: string | undefined;
  while (reader.at < end) {
    let name: string | undefined;
    let valueAt = reader.at;
    try {
      name = reader.name();
      valueAt = reader.at;
      setOwn(headers, name, reader.value(1));
    } catch (error) {
      problem ??= `${name === undefined ? "" : `${JSON.stringify(name)} `}${(error as Error).message}`;
      if (name === undefined || !reader.passFrom(valueAt)) break;
      setOwn(headers, name, `(${(error as Error).message})`);
    }
  }
  return { headers, problem };
}

export function splitTable(from: Bytes, start: number, end: number): SplitTable {
  const reader = new FieldReader(from, start, end);
  const fields: SplitTable["fields"] = [];
  const rest: Uint8Array[] = [];
  let at = start;
  try {
    while (reader.at < end) {
      const name = reader.name();
      const valueAt = reader.at;
      reader.pass();
      const bytes = from.bytes.subarray(at, reader.at);
      if (new FieldReader(from, valueAt, reader.at).isWhole()) fields.push({ name, bytes });
      else rest.push(bytes);
      at = reader.at;
    }
  } catch {
    // An incomplete field.
    rest.push(from.bytes.subarray(at, end));
  }
  return { fields, rest: joinBytes(rest) };
}

/** Sets a key even if its name would otherwise set the prototype. */
export function setOwn(table: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") table[name] = value;
  else Object.defineProperty(table, name, { value, enumerable: true, configurable: true, writable: true });
}

/** How each type of field is decoded, by its letter. */
const TYPES: Record<string, (reader: FieldReader, depth: number) => unknown> = {
  t: (reader) => reader.bytes[reader.take(1)] !== 0,
  b: (reader) => reader.view.getInt8(reader.take(1)),
  B: (reader) => reader.view.getUint8(reader.take(1)),
  s: (reader) => reader.view.getInt16(reader.take(2)),
  u: (reader) => reader.view.getUint16(reader.take(2)),
  I: (reader) => reader.view.getInt32(reader.take(4)),
  i: (reader) => reader.view.getUint32(reader.take(4)),
  l: (reader) => whole(reader.view.getBigInt64(reader.take(8))),
  L: (reader) => whole(reader.view.getBigInt64(reader.take(8))),
  f: (reader) => reader.view.getFloat32(reader.take(4)),
  d: (reader) => reader.view.getFloat64(reader.take(8)),
  D: (reader) => {
    const at = reader.take(5);
    return reader.view.getUint32(at + 1) / 10 ** reader.view.getUint8(at);
  },
  S: (reader) => reader.text(reader.size()),
  // Copied, since the buffer contains other messages.
  x: (reader) => {
    const length = reader.size();
    const at = reader.take(length);
    return reader.bytes.slice(at, at + length);
  },
  T: (reader) => {
    const seconds = reader.view.getBigInt64(reader.take(8));
    return dateOf(seconds) ?? whole(seconds);
  },
  V: () => null,
  A: (reader, depth) => reader.nested(depth, (inner) => inner.items(depth)),
  F: (reader, depth) => reader.nested(depth, (inner) => inner.table(depth)),
};

/** Bytes of a value by the letter of its type. -1 if a length precedes it. */
const SIZES: Record<string, number> = {
  ...{ t: 1, b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, l: 8, L: 8, f: 4, d: 8, D: 5, T: 8, V: 0 },
  ...{ S: -1, x: -1, A: -1, F: -1 },
};

class FieldReader {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  at: number;
  readonly #end: number;

  constructor({ view, bytes }: Bytes, at: number, end: number) {
    this.view = view;
    this.bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  /** @throws {RangeError} if there are fewer bytes */
  take(count: number): number {
    const start = this.at;
    if (count > this.#end - start) throw new RangeError("ends in the middle of a field");
    this.at = start + count;
    return start;
  }

  size(): number {
    return this.view.getUint32(this.take(4));
  }

  text(length: number): string {
    const start = this.take(length);
    return decodeText(this.bytes, start, start + length);
  }

  name(): string {
    return this.text(this.bytes[this.take(1)]);
  }

  value(depth: number): unknown {
    const type = String.fromCharCode(this.bytes[this.take(1)]);
    const read = TYPES[type];
    if (!read) throw new RangeError(`has the unknown type ${JSON.stringify(type)}`);
    return read(this, depth);
  }

  /** Skips a value by its size. */
  pass(): void {
    const size = SIZES[String.fromCharCode(this.bytes[this.take(1)])];
    if (size === undefined) throw new RangeError("has an unknown type");
    this.take(size < 0 ? this.size() : size);
  }

  /** False if the value's end cannot be found. */
  passFrom(at: number): boolean {
    this.at = at;
    try {
      this.pass();
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the data is exactly one valid value, including all nested ones. */
  isWhole(): boolean {
    /** The unfinished arrays and tables, from the outside in. */
    const open: { readonly end: number; readonly named: boolean }[] = [];
    try {
      do {
        const inner = open.at(-1);
        if (inner && this.at === inner.end) {
          open.pop();
          continue;
        }
        if (inner?.named) this.take(this.bytes[this.take(1)]);
        const type = String.fromCharCode(this.bytes[this.at]);
        const start = this.at;
        this.pass();
        if (inner && this.at > inner.end) return false;
        if (type !== "A" && type !== "F") continue;
        open.push({ end: this.at, named: type === "F" });
        this.at = start + 1 + 4;
      } while (open.length > 0);
      return this.at === this.#end;
    } catch {
      return false;
    }
  }

  nested<T>(depth: number, read: (inner: FieldReader) => T): T {
    if (depth >= MAX_DEPTH) throw new RangeError(`is nested deeper than ${MAX_DEPTH}`);
    const length = this.size();
    const start = this.take(length);
    return read(new FieldReader(this, start, start + length));
  }

  table(depth: number): Record<string, unknown> {
    const table: Record<string, unknown> = {};
    while (this.at < this.#end) setOwn(table, this.name(), this.value(depth + 1));
    return table;
  }

  items(depth: number): unknown[] {
    const items: unknown[] = [];
    while (this.at < this.#end) items.push(this.value(depth + 1));
    return items;
  }
}

/** Undefined beyond the range of a date. */
export function dateOf(seconds: bigint): Date | undefined {
  return seconds > LAST_SECOND || seconds < -LAST_SECOND ? undefined : new Date(Number(seconds) * 1000);
}

/** A bigint only if a number would be rounded. */
function whole(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
