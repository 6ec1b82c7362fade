import { FRAME, FRAME_END } from "./constants.ts";
import { encodeTable, type FieldTable } from "./table.ts";
import { withRoom } from "../../base/bytes.ts";
import { SHORT_STRING } from "../../base/short_string.ts";
import { encodeText } from "../../base/utf8.ts";

/** Writes complete frames into a growing buffer. */
export class Writer {
  bytes: Uint8Array;
  length = 0;
  #view: DataView;
  #frame = 0;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` more bytes. */
  ensure(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    this.bytes = withRoom(this.bytes, this.length, needed);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Begins a method frame. The arguments and `end()` follow. */
  method(channel: number, method: number): this {
    this.begin(FRAME.method, channel);
    return this.u32(method);
  }

  begin(type: number, channel: number): void {
    this.ensure(16);
    this.#frame = this.length;
    this.bytes[this.length] = type;
    this.#view.setUint16(this.length + 1, channel);
    this.length += 7;
  }

  /** Ends the current frame. */
  end(): void {
    this.#view.setUint32(this.#frame + 3, this.length - this.#frame - 7);
    this.u8(FRAME_END);
  }

  /** Writes a frame around a part of `payload`. */
  frame(type: number, channel: number, payload: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.ensure(size + 8);
    const { bytes } = this;
    let at = this.length;
    bytes[at] = type;
    this.#view.setUint16(at + 1, channel);
    this.#view.setUint32(at + 3, size);
    at += 7;
    copy(payload, start, end, bytes, at);
    bytes[at + size] = FRAME_END;
    this.length = at + size + 1;
  }

  u8(value: number): this {
    this.ensure(1);
    this.bytes[this.length++] = value;
    return this;
  }

  u16(value: number): this {
    this.ensure(2);
    this.#view.setUint16(this.length, value);
    this.length += 2;
    return this;
  }

  u32(value: number): this {
    this.ensure(4);
    this.#view.setUint32(this.length, value);
    this.length += 4;
    return this;
  }

  u64(value: number): this {
    this.ensure(8);
    this.#view.setUint32(this.length, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(this.length + 4, value >>> 0);
    this.length += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.ensure(bytes.length);
    copy(bytes, 0, bytes.length, this.bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Cuts the text at 255 bytes, the limit of the type. */
  shortString(text: string): this {
    return this.raw(shortStringBytes(text));
  }

  longString(text: string): this {
    // A character takes at most three bytes.
    this.ensure(4 + text.length * 3);
    const size = encodeText(text, this.bytes, this.length + 4, this.length + 4 + text.length * 3);
    this.u32(size);
    this.length += size;
    return this;
  }

  table(table: FieldTable): this {
    const encoded = encodeTable(table);
    return this.u32(encoded.length).raw(encoded);
  }

  /** A copy of the written bytes. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

/** For a few bytes, a loop is faster than `set` with a subarray. */
function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 64) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) to[at++] = from[i];
}

/** Encodes text with its length in front. Text that is too long is cut between two characters. */
export function shortStringBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(1 + Math.min(text.length * 3, SHORT_STRING));
  bytes[0] = encodeText(text, bytes, 1, bytes.length);
  return bytes.slice(0, bytes[0] + 1);
}
