import { AMQPChannel } from "@cloudamqp/amqp-client";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { decodeText } from "../../base/utf8.ts";
import { readProperties } from "../message/content_header.ts";
import { decodeTable } from "../message/field_table.ts";
import { WireWriter, writeText } from "../message/wire_writer.ts";
import { writeProperties } from "../message/write_properties.ts";

/*
 * Patches of @cloudamqp/amqp-client 4.1.1 that have to be made on its prototypes.
 * Each has a test that fails when the pinned version changes what it relies on.
 */

/** Bytes of a content header before the property flags: class, weight and body size. */
const CONTENT_FLAGS = 12;

/** A publish that waits for its confirm, as the client keeps it. */
type Unconfirmed = [number: number, resolve: (number: number) => void, reject: (error: Error) => void];

/** What the client has but does not show. */
interface Confirming {
  unconfirmedPublishes: Unconfirmed[];
  publishConfirmed(this: Confirming, tag: number, multiple: boolean, nack: boolean): void;
}

let patched = false;

/** Applies the patches once. */
export function patchClient(): void {
  if (patched) return;
  patched = true;
  const view = AMQPView.prototype;

  // Whole numbers from 2^31 to 2^32 were written as negative ones, and decimals as 32-bit floats:
  // each republish of a message corrupted its headers.
  view.setField = function (offset, field) {
    const writer = new WireWriter(this);
    writer.at = offset;
    writer.value(field);
    return writer.at - offset;
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

  // A confirm of several messages was dropped where its own number had been settled alone before, as when a full queue
  // refuses some of them: those before it waited for ever.
  (AMQPChannel.prototype as unknown as Confirming).publishConfirmed = function (tag, multiple, nack) {
    const covers = ([number]: Unconfirmed) => multiple ? number <= tag : number === tag;
    const settled = this.unconfirmedPublishes.filter(covers);
    this.unconfirmedPublishes = this.unconfirmedPublishes.filter((publish) => !covers(publish));
    for (const [number, resolve, reject] of settled) {
      if (nack) reject(new Error("Message rejected"));
      else resolve(number);
    }
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
    const writer = new WireWriter(this);
    writer.at = offset;
    writer.shortString(text);
    return writer.at - offset;
  };
  view.setLongString = function (offset, text, littleEndian) {
    const length = writeText(bytesOf(this), offset + 4, text);
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
