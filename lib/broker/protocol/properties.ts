import { AmqpError } from "./amqp_error.ts";
import { Reader } from "./reader.ts";
import { decodeText } from "../../base/utf8.ts";
import { decodeTable, type FieldTable } from "./table.ts";
import { shortStringBytes } from "./writer.ts";

/** The fourteen properties in the order of their flags, from bit 15 down, with their types. */
const PROPERTIES = [
  ["contentType", "shortString"],
  ["contentEncoding", "shortString"],
  ["headers", "table"],
  ["deliveryMode", "u8"],
  ["priority", "u8"],
  ["correlationId", "shortString"],
  ["replyTo", "shortString"],
  ["expiration", "shortString"],
  ["messageId", "shortString"],
  ["timestamp", "u64"],
  ["type", "shortString"],
  ["userId", "shortString"],
  ["appId", "shortString"],
  ["clusterId", "shortString"],
] as const;

export type PropertyName = typeof PROPERTIES[number][0];

const FLAG = Object.fromEntries(PROPERTIES.map(([name], index) => [name, 0x8000 >> index])) as Record<
  PropertyName,
  number
>;
/** The two lowest bits: one says that more flags follow, which no property needs; the other has no meaning. */
const UNUSED_FLAGS = 0x0003;
/** Class id, weight and body size, before the flags. */
const FLAGS_OFFSET = 12;

/**
 * What the broker itself needs of a content header; everything else stays as it came. A property that is
 * absent is `undefined`.
 */
export interface Properties {
  deliveryMode: number | undefined;
  priority: number | undefined;
  expiration: string | undefined;
  replyTo: string | undefined;
  userId: string | undefined;
  /** Where the encoded headers begin and end in the payload, without their length; both 0 where there are none. */
  headersStart: number;
  headersEnd: number;
}

const NONE: Properties = Object.freeze({
  deliveryMode: undefined,
  priority: undefined,
  expiration: undefined,
  replyTo: undefined,
  userId: undefined,
  headersStart: 0,
  headersEnd: 0,
});

/** The body's size as the content header says it. @throws {AmqpError} 501, 502 for what is no content header */
export function readBodySize(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < FLAGS_OFFSET + 2) throw AmqpError.hard("syntaxError", "a content header is too short");
  const high = ((bytes[start + 4] << 24) | (bytes[start + 5] << 16) | (bytes[start + 6] << 8) | bytes[start + 7]) >>> 0;
  const low = ((bytes[start + 8] << 24) | (bytes[start + 9] << 16) | (bytes[start + 10] << 8) | bytes[start + 11]) >>>
    0;
  return high * 0x1_0000_0000 + low;
}

/**
 * Walks once over the properties of a content header's payload, and so checks them too, but for what is in the headers.
 *
 * @throws {AmqpError} 502 for what cannot be read
 */
export function scanProperties(payload: Uint8Array, end: number): Properties {
  const flags = (payload[FLAGS_OFFSET] << 8) | payload[FLAGS_OFFSET + 1];
  let at = FLAGS_OFFSET + 2;
  if (flags === FLAG.deliveryMode && end === at + 1) {
    return payload[at] === 2 ? PERSISTENT : { ...NONE, deliveryMode: 1 };
  }
  if (flags === 0 && end === at) return NONE;
  if (flags & UNUSED_FLAGS) throw AmqpError.hard("syntaxError", "a content header has flags that mean nothing");
  const found: Properties = { ...NONE };
  for (const [name, type] of PROPERTIES) {
    if (!(flags & FLAG[name])) continue;
    const start = at;
    if (type === "u8") at += 1;
    else if (type === "u64") at += 8;
    else if (type === "shortString") at += 1 + (payload[at] ?? 0);
    else at += 4 + new DataView(payload.buffer, payload.byteOffset).getUint32(within(at + 4, end) - 4);
    within(at, end);
    note(found, name, payload, start, at);
  }
  if (at !== end) throw AmqpError.hard("syntaxError", "a content header is longer than its properties");
  return found;
}

const PERSISTENT: Properties = Object.freeze({ ...NONE, deliveryMode: 2 });

function note(found: Properties, name: PropertyName, payload: Uint8Array, start: number, end: number): void {
  if (name === "deliveryMode") found.deliveryMode = payload[start];
  else if (name === "priority") found.priority = payload[start];
  else if (name === "expiration" || name === "replyTo" || name === "userId") {
    found[name] = decodeText(payload, start + 1, end);
  } else if (name === "headers") {
    found.headersStart = start + 4;
    found.headersEnd = end;
  }
}

function within(at: number, end: number): number {
  if (at > end) throw AmqpError.hard("syntaxError", "a content header ends in the middle of a property");
  return at;
}

/** The headers, decoded; an empty table where there are none. */
export function readHeaders(payload: Uint8Array, { headersStart, headersEnd }: Properties): FieldTable {
  return decodeTable(payload.subarray(headersStart, headersEnd));
}

export interface HeaderEdit {
  /** The encoded headers, without their length, in place of those that are there; `null` for none. */
  headers?: Uint8Array | null;
  /** `null` takes it away. */
  expiration?: null;
  replyTo?: string;
}

/** A content header with some properties changed, and the others byte for byte as they were. */
export function editHeader(payload: Uint8Array, length: number, edit: HeaderEdit): Uint8Array {
  const reader = new Reader(payload, FLAGS_OFFSET, length);
  const flags = reader.u16();
  let edited = 0;
  const parts: Uint8Array[] = [];
  for (const [name, type] of PROPERTIES) {
    const start = reader.offset;
    if (flags & FLAG[name]) skip(reader, type);
    const replacement = replace(name, edit);
    const bytes = replacement === undefined ? payload.subarray(start, reader.offset) : replacement;
    if (bytes === null || (replacement === undefined && !(flags & FLAG[name]))) continue;
    edited |= FLAG[name];
    parts.push(bytes);
  }
  const size = parts.reduce((sum, part) => sum + part.length, FLAGS_OFFSET + 2);
  const result = new Uint8Array(size);
  result.set(payload.subarray(0, FLAGS_OFFSET));
  result[FLAGS_OFFSET] = edited >> 8;
  result[FLAGS_OFFSET + 1] = edited & 255;
  let at = FLAGS_OFFSET + 2;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function skip(reader: Reader, type: typeof PROPERTIES[number][1]): void {
  if (type === "u8") reader.u8();
  else if (type === "u64") reader.u64();
  else if (type === "shortString") reader.shortString();
  else reader.longBytes();
}

/** The property as it is to be written, `null` for away with it, `undefined` for as it is. */
function replace(name: PropertyName, { headers, expiration, replyTo }: HeaderEdit): Uint8Array | null | undefined {
  if (name === "expiration") return expiration;
  if (name === "replyTo" && replyTo !== undefined) return shortStringBytes(replyTo);
  if (name !== "headers" || headers === undefined || headers === null) return name === "headers" ? headers : undefined;
  const bytes = new Uint8Array(headers.length + 4);
  new DataView(bytes.buffer).setUint32(0, headers.length);
  bytes.set(headers, 4);
  return bytes;
}
