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
/** The two lowest bits. One announces more flags, which no property needs, and the other has no meaning. */
const UNUSED_FLAGS = 0x0003;
/** Size of class id, weight and body size, which precede the flags. */
const FLAGS_OFFSET = 12;

/**
 * The properties that the broker itself uses. All others stay encoded. A missing property is `undefined`.
 */
export interface Properties {
  deliveryMode: number | undefined;
  priority: number | undefined;
  expiration: string | undefined;
  replyTo: string | undefined;
  userId: string | undefined;
  /** Start and end of the encoded headers in the payload, without their length. Both are 0 if there are none. */
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

/** The body's size from the content header. @throws {AmqpError} 501, 502 if it is invalid */
export function readBodySize(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < FLAGS_OFFSET + 2) throw AmqpError.hard("syntaxError", "a content header is too short");
  const high = ((bytes[start + 4] << 24) | (bytes[start + 5] << 16) | (bytes[start + 6] << 8) | bytes[start + 7]) >>> 0;
  const low = ((bytes[start + 8] << 24) | (bytes[start + 9] << 16) | (bytes[start + 10] << 8) | bytes[start + 11]) >>>
    0;
  return high * 0x1_0000_0000 + low;
}

/**
 * Reads and checks the properties in a content header's payload in one pass. Does not check the contents of the
 * headers.
 *
 * @throws {AmqpError} 502 if they are invalid
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

/** The decoded headers. Empty if there are none. */
export function readHeaders(payload: Uint8Array, { headersStart, headersEnd }: Properties): FieldTable {
  return decodeTable(payload.subarray(headersStart, headersEnd));
}

export interface HeaderEdit {
  /** Encoded headers, without their length, that replace the existing ones. `null` removes them. */
  headers?: Uint8Array | null;
  /** `null` removes it. */
  expiration?: null;
  replyTo?: string;
}

/** A copy of a content header with some properties changed. All others are copied byte for byte. */
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

/** The property's new value. `null` removes it, `undefined` keeps it. */
function replace(name: PropertyName, { headers, expiration, replyTo }: HeaderEdit): Uint8Array | null | undefined {
  if (name === "expiration") return expiration;
  if (name === "replyTo" && replyTo !== undefined) return shortStringBytes(replyTo);
  if (name !== "headers" || headers === undefined || headers === null) return name === "headers" ? headers : undefined;
  const bytes = new Uint8Array(headers.length + 4);
  new DataView(bytes.buffer).setUint32(0, headers.length);
  bytes.set(headers, 4);
  return bytes;
}
