import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { SHORT_STRING } from "../../base/short_string.ts";
import { decodeText, encodeText } from "../../base/utf8.ts";
import { readProperties } from "../message/content_header.ts";
import { decodeTable } from "../message/field_table.ts";
import { writeProperties } from "../message/write_properties.ts";

/*
 * Patches of @cloudamqp/amqp-client 4.1.1 that have to be made on its prototypes.
 * Each has a test that fails when the pinned version changes what it relies on.
 */

/** Bytes of a content header before the property flags: class, weight and body size. */
const CONTENT_FLAGS = 12;

let patched = false;

/** Applies the patches once. */
export function patchClient(): void {
  if (patched) return;
  patched = true;
  const view = AMQPView.prototype;
  const { setField } = view;

  // Whole numbers from 2^31 to 2^32 were written as negative ones, and decimals as 32-bit floats:
  // each republish of a message corrupted its headers.
  view.setField = function (offset, field, littleEndian) {
    if (typeof field !== "number") return setField.call(this, offset, field, littleEndian);
    if (Number.isInteger(field) && field >= -0x80000000 && field <= 0x7fffffff) {
      this.setUint8(offset, "I".charCodeAt(0));
      this.setInt32(offset + 1, field, littleEndian);
      return 5;
    }
    if (Number.isSafeInteger(field)) {
      this.setUint8(offset, "l".charCodeAt(0));
      this.setBigInt64(offset + 1, BigInt(field), littleEndian);
      return 9;
    }
    this.setUint8(offset, "d".charCodeAt(0));
    this.setFloat64(offset + 1, field, littleEndian);
    return 9;
  };

  // A reserved property, a header of an unknown type and deeply nested headers threw and ended the connection, 64-bit
  // integers were rounded, and byte arrays were views over the socket's buffer, with other messages in it. The length that
  // is returned is that of the frame, so the next frame is read where it begins, whatever is in this one.
  view.getProperties = function (offset) {
    const frameEnd = offset - CONTENT_FLAGS + this.getUint32(offset - CONTENT_FLAGS - 4);
    return [readProperties({ view: this, bytes: bytesOf(this) }, offset, frameEnd), frameEnd - offset];
  };
  view.getTable = function (offset, littleEndian) {
    const length = this.getUint32(offset, littleEndian);
    const end = offset + 4 + length;
    if (end > this.byteLength) throw new RangeError(`a table of ${length} bytes at ${offset} is beyond its frame`);
    const { headers } = decodeTable({ view: this, bytes: bytesOf(this) }, offset + 4, end);
    return [headers as Record<string, object>, length + 4];
  };

  // Zeros and empty texts were left out, and values that JavaScript cannot represent were changed.
  view.setProperties = function (offset, properties) {
    return writeProperties(this, offset, properties);
  };

  // A message has a few dozen texts, and each was encoded in a `Buffer` of its own.
  view.getShortString = function (offset) {
    const length = this.getUint8(offset);
    return [readText(this, offset + 1, length), length + 1];
  };
  view.getLongString = function (offset, littleEndian) {
    const length = this.getUint32(offset, littleEndian);
    return [readText(this, offset + 4, length), length + 4];
  };
  view.setShortString = function (offset, text) {
    const length = text.length > SHORT_STRING ? Infinity : writeText(this, offset + 1, text);
    if (length > SHORT_STRING) {
      throw new Error(`a short string has ${SHORT_STRING} bytes at most: ${text.substring(0, SHORT_STRING)}…`);
    }
    this.setUint8(offset, length);
    return length + 1;
  };
  view.setLongString = function (offset, text, littleEndian) {
    const length = writeText(this, offset + 4, text);
    this.setUint32(offset, length, littleEndian);
    return length + 4;
  };
}

const BYTES = Symbol("bytes");

function bytesOf(view: AMQPView & { [BYTES]?: Uint8Array }): Uint8Array {
  return view[BYTES] ??= new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** @throws {RangeError} for a text that ends behind its frame */
function readText(view: AMQPView, start: number, length: number): string {
  const bytes = bytesOf(view);
  if (start + length > bytes.length) throw new RangeError(`a text of ${length} bytes at ${start} is beyond its frame`);
  return decodeText(bytes, start, start + length);
}

/** @throws {RangeError} if there is no room */
function writeText(view: AMQPView, start: number, text: string): number {
  const bytes = bytesOf(view);
  const length = encodeText(text, bytes, start, bytes.length);
  // If the text ends at the end of the buffer, it may have been cut.
  if (start + length + 3 >= bytes.length && new TextEncoder().encode(text).length > length) {
    throw new RangeError(`a text of ${text.length} characters is beyond its frame`);
  }
  return length;
}
