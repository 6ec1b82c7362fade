import { SHORT_STRING } from "../../base/short_string.ts";
import { encodeText } from "../../base/utf8.ts";

const encoder = new TextEncoder();
/** Copying fewer bytes than this one by one is faster than making a view of them. */
const FEW = 48;

/** The letters that name the types of header values. */
const TYPE = {
  text: 83,
  flag: 116,
  int: 73,
  long: 108,
  double: 100,
  bytes: 120,
  time: 84,
  list: 65,
  table: 70,
  none: 86,
};

/** Writes AMQP's values one behind the other into a buffer. Throws a `RangeError` if a value does not fit. */
export class WireWriter {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the next value goes. */
  at = 0;

  constructor(view: DataView) {
    this.view = view;
    this.bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  octet(value: number): void {
    this.view.setUint8(this.at++, value);
  }

  short(value: number): void {
    this.view.setUint16(this.at, value);
    this.at += 2;
  }

  long(value: number): void {
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  /** Bytes of another buffer, as they are. */
  raw(from: Uint8Array, start = 0, end = from.length): void {
    const { bytes, at } = this;
    if (end - start > FEW) bytes.set(from.subarray(start, end), at);
    else {
      if (at + end - start > bytes.length) throw new RangeError(`${end - start} bytes are beyond their frame`);
      for (let i = start; i < end; i++) bytes[at + i - start] = from[i];
    }
    this.at = at + end - start;
  }

  /** @throws {Error} for a text that is no short string */
  shortString(text: string): void {
    const length = text.length > SHORT_STRING ? Infinity : writeText(this.bytes, this.at + 1, text);
    if (length > SHORT_STRING) {
      throw new Error(`a short string has ${SHORT_STRING} bytes at most: ${text.substring(0, SHORT_STRING)}…`);
    }
    this.view.setUint8(this.at, length);
    this.at += 1 + length;
  }

  longString(text: string): void {
    const length = writeText(this.bytes, this.at + 4, text);
    this.view.setUint32(this.at, length);
    this.at += 4 + length;
  }

  timestamp(value: Date | number): void {
    this.view.setBigInt64(this.at, BigInt(Math.floor(Number(value) / 1000)));
    this.at += 8;
  }

  /** A table, without the fields that are undefined. */
  table(table: object): void {
    const start = this.at;
    this.at += 4;
    for (const [name, value] of Object.entries(table)) if (value !== undefined) this.field(name, value);
    this.endSize(start);
  }

  field(name: string, value: unknown): void {
    this.shortString(name);
    this.value(value);
  }

  /** Writes into `start` how many bytes follow it. */
  endSize(start: number): void {
    this.view.setUint32(start, this.at - start - 4);
  }

  /**
   * A value with its type. Whole numbers are 32 or 64 bits long and decimals always 64: no number changes on its way.
   *
   * @throws {Error} for a value that AMQP does not have
   */
  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.octet(TYPE.text);
        return this.longString(value);
      case "boolean":
        this.octet(TYPE.flag);
        return this.octet(value ? 1 : 0);
      case "number":
        return this.#number(value);
      case "bigint":
        this.octet(TYPE.long);
        return this.#long(value);
      case "undefined":
        return this.octet(TYPE.none);
      case "object":
        return this.#object(value);
      default:
        throw new Error(`Unsupported field type '${String(value)}'`);
    }
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value >= -0x80000000 && value <= 0x7fffffff) {
      this.octet(TYPE.int);
      this.view.setInt32(this.at, value);
      this.at += 4;
    } else if (Number.isSafeInteger(value)) {
      this.octet(TYPE.long);
      this.#long(BigInt(value));
    } else {
      this.octet(TYPE.double);
      this.view.setFloat64(this.at, value);
      this.at += 8;
    }
  }

  #long(value: bigint): void {
    this.view.setBigInt64(this.at, value);
    this.at += 8;
  }

  #object(value: object | null): void {
    if (value === null) this.octet(TYPE.none);
    else if (Array.isArray(value)) this.#list(value);
    else if (value instanceof Uint8Array || value instanceof ArrayBuffer) this.#byteArray(new Uint8Array(value));
    else if (value instanceof Date) {
      this.octet(TYPE.time);
      this.timestamp(value);
    } else {
      this.octet(TYPE.table);
      this.table(value);
    }
  }

  #list(values: readonly unknown[]): void {
    this.octet(TYPE.list);
    const start = this.at;
    this.at += 4;
    for (const value of values) this.value(value);
    this.endSize(start);
  }

  #byteArray(bytes: Uint8Array): void {
    this.octet(TYPE.bytes);
    this.long(bytes.length);
    this.raw(bytes);
  }
}

/** Writes a text as UTF-8 and gives how many bytes it has. @throws {RangeError} where there is no room for it */
export function writeText(bytes: Uint8Array, start: number, text: string): number {
  const length = encodeText(text, bytes, start, bytes.length);
  // At the end it may have been cut off.
  if (start + length + 3 >= bytes.length && encoder.encode(text).length > length) {
    throw new RangeError(`a text of ${text.length} characters is beyond its frame`);
  }
  return length;
}
