import { deserialize, serialize } from "node:v8";
import type { FromGuest, ToGuest } from "./protocol.ts";

/*
 * A frame is a 32-bit big-endian length and that many bytes, of three kinds:
 *
 * - `TEXT`: an array of messages in JSON. `undefined` within a message is `null`.
 * - `BODIES`: one message. A 32-bit length, as much JSON, and the bytes that belong between its first and second element.
 * - v8's serialization of an array of messages, which begins with its own mark: what JSON cannot express.
 *
 * v8 is for rare messages only. Its serializers and deserializers keep all objects that passed through them, and are
 * themselves freed by full garbage collections alone: with a few thousand messages a second they filled the heap.
 */

const TEXT = 1;
const BODIES = 2;
/** Bytes of the length. */
const LENGTH = 4;
/** Bytes of a frame's length and kind, and of the length of its text. */
const HEAD = LENGTH + 1 + LENGTH;

/** Maximum size of a frame. A larger one is not from Warren. */
export const MAX_FRAME = 256 * 1024 * 1024;

/** Saved before the function's module loads, which may replace them. */
const { parse, stringify } = JSON;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Wire = ToGuest | FromGuest;

/**
 * Encodes messages, in their order.
 *
 * @throws {DOMException} for a value that v8 cannot serialize
 */
export function encodeFrames(messages: readonly Wire[]): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < messages.length;) {
    const kind = kindOf(messages[at]);
    let end = at + 1;
    while (kind !== BODIES && end < messages.length && kindOf(messages[end]) === kind) end++;
    frames.push(encodeFrame(kind, messages.slice(at, end)));
    at = end;
  }
  return frames.length === 1 ? frames[0] : joined(frames);
}

function kindOf(message: Wire): typeof TEXT | typeof BODIES | undefined {
  switch (message[0]) {
    case "invoke":
    case "completed":
      return message[3] ? BODIES : undefined;
    case "validate":
      return undefined;
    default:
      return TEXT;
  }
}

function encodeFrame(kind: typeof TEXT | typeof BODIES | undefined, messages: readonly Wire[]): Uint8Array {
  if (kind === undefined) return serialized(messages);
  if (kind === TEXT) return textFrame(TEXT, stringify(messages), NO_BODIES);
  const [op, bodies, ...rest] = messages[0] as Wire & { 0: "invoke" };
  return textFrame(BODIES, stringify([op, ...rest]), bodies);
}

const NO_BODIES = new Uint8Array(0);

function textFrame(kind: number, text: string, bodies: Uint8Array): Uint8Array {
  // Nearly always ASCII, so that a byte for each character is enough.
  let frame = new Uint8Array(HEAD + text.length + bodies.length);
  let { read, written: size } = encoder.encodeInto(text, frame.subarray(HEAD, HEAD + text.length));
  if (read < text.length) {
    const bytes = encoder.encode(text);
    size = bytes.length;
    frame = new Uint8Array(HEAD + size + bodies.length);
    frame.set(bytes, HEAD);
  }
  frame.set(bodies, HEAD + size);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - LENGTH);
  view.setUint8(LENGTH, kind);
  view.setUint32(LENGTH + 1, size);
  return frame;
}

function serialized(messages: readonly Wire[]): Uint8Array {
  const payload = serialize(messages);
  const frame = new Uint8Array(LENGTH + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length);
  frame.set(payload, LENGTH);
  return frame;
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}

/**
 * Cuts a stream of bytes back into the messages of its frames.
 *
 * @throws {RangeError} from `push()` when a length is beyond `MAX_FRAME` or its frame, and whatever `JSON.parse` and v8 say
 * of bytes that are none of theirs
 */
export class FrameReader<T> {
  #buffer = new Uint8Array(64 * 1024);
  #length = 0;

  /** Takes data and returns the messages that are complete. */
  push(chunk: Uint8Array): T[] {
    // Complete frames are decoded in place, without copying them first.
    if (this.#length === 0) {
      const { messages, end } = readFrames<T>(chunk);
      if (end < chunk.length) this.#append(chunk.subarray(end));
      return messages;
    }
    this.#append(chunk);
    const { messages, end } = readFrames<T>(this.#buffer.subarray(0, this.#length));
    if (end > 0) {
      this.#buffer.copyWithin(0, end, this.#length);
      this.#length -= end;
    }
    return messages;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }
}

/** The messages of all complete frames, and where those end. */
function readFrames<T>(bytes: Uint8Array): { messages: T[]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let messages: T[] | undefined;
  let at = 0;
  while (bytes.length - at >= LENGTH) {
    const size = view.getUint32(at);
    if (size > MAX_FRAME) throw new RangeError(`a frame of ${size} bytes is beyond the limit of ${MAX_FRAME}`);
    if (bytes.length - at - LENGTH < size) break;
    const decoded = decodePayload(bytes, view, at + LENGTH, at + LENGTH + size);
    if (!Array.isArray(decoded)) throw new TypeError("a frame is not an array");
    messages = messages ? messages.concat(decoded) : decoded;
    at += LENGTH + size;
  }
  return { messages: messages ?? [], end: at };
}

/** Copies what the messages keep: the buffer is used again. */
function decodePayload(bytes: Uint8Array, view: DataView, start: number, end: number): unknown {
  const kind = bytes[start];
  if (kind !== TEXT && kind !== BODIES) return deserialize(bytes.slice(start, end));
  const from = start + 1 + LENGTH;
  const to = from <= end ? from + view.getUint32(start + 1) : Infinity;
  if (to > end) throw new RangeError("a text is longer than its frame");
  const parsed: unknown = parse(decoder.decode(bytes.subarray(from, to)));
  if (!Array.isArray(parsed)) throw new TypeError("a frame is not an array");
  if (kind === TEXT) return parsed.map(withoutNulls);
  const [op, ...rest] = parsed;
  return [[op, bytes.slice(to, end), ...rest]];
}

function withoutNulls(message: unknown): unknown {
  return Array.isArray(message) ? message.map((part) => part ?? undefined) : message;
}
