import { AmqpError } from "./amqp_error.ts";
import { decodeTable, type FieldTable } from "./table.ts";
import { decodeText } from "../../base/utf8.ts";

/** Reads AMQP types from the payload of one frame. Never reads beyond its end. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  offset: number;
  readonly end: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
    this.end = end;
  }

  u8(): number {
    return this.bytes[this.#take(1)];
  }

  u16(): number {
    return this.view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.view.getUint32(this.#take(4));
  }

  /** Reads a delivery tag or a body size. Numbers above 2^53 are rounded; no valid tag is that large. */
  u64(): number {
    return Number(this.view.getBigUint64(this.#take(8)));
  }

  shortString(): string {
    const length = this.u8();
    const start = this.#take(length);
    return decodeText(this.bytes, start, start + length);
  }

  longBytes(): Uint8Array {
    const length = this.u32();
    const start = this.#take(length);
    return this.bytes.slice(start, start + length);
  }

  longString(): string {
    const length = this.u32();
    const start = this.#take(length);
    return decodeText(this.bytes, start, start + length);
  }

  /** A copy of the encoded table, without its length. */
  tableBytes(): Uint8Array {
    return this.longBytes();
  }

  table(): FieldTable {
    return decodeTable(this.longBytes());
  }

  #take(count: number): number {
    const start = this.offset;
    if (start + count > this.end) {
      throw AmqpError.hard("syntaxError", `${count} bytes expected at ${start}, where the frame ends at ${this.end}`);
    }
    this.offset = start + count;
    return start;
  }
}
