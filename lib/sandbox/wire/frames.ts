import { deserialize, serialize } from "node:v8";
import { joinBytes, sizeOf, withRoom } from "../../base/bytes.ts";
import type { Bodies, FromGuest, ToGuest } from "./protocol.ts";

/*
 * A frame is a 32-bit big-endian length and that many bytes, of three kinds:
 *
 * - `TEXT`: an array of messages in JSON. `undefined` within a message is `null`.
 * - `BODIES`: one message. A 32-bit length, as much JSON, and the bytes that belong between its first and second element.
 * - `STRUCTURED`: v8's serialization of an array of messages, which begins with that byte: what JSON cannot express.
 *
 * v8's is for rare messages only. Its serializers and deserializers keep all objects that passed through them, and are
 * themselves freed by full garbage collections alone: with a few thousand messages a second they filled the heap.
 */

const TEXT = 1;
const BODIES = 2;
const STRUCTURED = 0xff;
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
type Kind = typeof TEXT | typeof BODIES | typeof STRUCTURED;

/** Bytes of the buffer that an encoder begins with, and at most keeps. */
const SMALLEST = 64 * 1024;
const KEPT = 1024 * 1024;

/** Encodes messages into one buffer, which is used again for the next ones. */
export class FrameEncoder {
  #bytes: Uint8Array = new Uint8Array(SMALLEST);
  #size = 0;

  /**
   * The frames of these messages, in their order. Valid until the next call.
   *
   * @throws {DOMException} for a value that v8 cannot serialize
   */
  encode(messages: readonly Wire[]): Uint8Array {
    this.#size = 0;
    if (this.#bytes.length > KEPT) this.#bytes = new Uint8Array(SMALLEST);
    for (let at = 0; at < messages.length;) {
      const kind = kindOf(messages[at]);
      let end = at + 1;
      while (kind !== BODIES && end < messages.length && kindOf(messages[end]) === kind) end++;
      this.#add(kind, messages.slice(at, end));
      at = end;
    }
    return this.#bytes.subarray(0, this.#size);
  }

  #add(kind: Kind, messages: readonly Wire[]): void {
    if (kind === STRUCTURED) return this.#structured(messages);
    if (kind === TEXT) return this.#text(TEXT, stringify(messages), NOTHING);
    const [op, bodies, ...rest] = messages[0] as Wire & { 0: "invoke" };
    this.#text(BODIES, stringify([op, ...rest]), pieces(bodies));
  }

  #text(kind: number, text: string, bodies: readonly Uint8Array[]): void {
    const size = sizeOf(bodies);
    // Nearly always ASCII, so that a byte for each character is enough.
    let most = text.length;
    let start = this.#reserve(HEAD + most + size) + HEAD;
    let { read, written } = encoder.encodeInto(text, this.#bytes.subarray(start, start + most));
    if (read < text.length) {
      most = 3 * text.length;
      start = this.#reserve(HEAD + most + size) + HEAD;
      ({ read, written } = encoder.encodeInto(text, this.#bytes.subarray(start, start + most)));
    }
    let at = start + written;
    for (const body of bodies) {
      this.#bytes.set(body, at);
      at += body.length;
    }
    const view = new DataView(this.#bytes.buffer);
    view.setUint32(this.#size, at - this.#size - LENGTH);
    view.setUint8(this.#size + LENGTH, kind);
    view.setUint32(this.#size + LENGTH + 1, written);
    this.#size = at;
  }

  #structured(messages: readonly Wire[]): void {
    const payload = serialize(messages.map(inOnePiece));
    const at = this.#reserve(LENGTH + payload.length);
    new DataView(this.#bytes.buffer).setUint32(at, payload.length);
    this.#bytes.set(payload, at + LENGTH);
    this.#size = at + LENGTH + payload.length;
  }

  /** Makes room, and returns where it begins. */
  #reserve(size: number): number {
    this.#bytes = withRoom(this.#bytes, this.#size, this.#size + size);
    return this.#size;
  }
}

const NOTHING: readonly Uint8Array[] = [];

function kindOf(message: Wire): Kind {
  switch (message[0]) {
    case "invoke":
    case "completed":
      return message[3] ? BODIES : STRUCTURED;
    case "validate":
      return STRUCTURED;
    default:
      return TEXT;
  }
}

function inOnePiece(message: Wire): unknown {
  if (message[0] !== "invoke" && message[0] !== "completed") return message;
  const [op, bodies, ...rest] = message;
  return [op, onePiece(bodies), ...rest];
}

/** As they are received. */
export function onePiece(bodies: Bodies): Uint8Array {
  return bodies instanceof Uint8Array ? bodies : joinBytes(bodies);
}

/** As they are sent. */
export function pieces(bodies: Bodies): readonly Uint8Array[] {
  return bodies instanceof Uint8Array ? [bodies] : bodies;
}

/**
 * Cuts a stream of bytes back into the messages of its frames.
 *
 * @throws {RangeError} from `push()` when a length is beyond `MAX_FRAME` or its frame, and whatever `JSON.parse` and v8 say
 * of bytes that are none of theirs
 */
export class FrameReader<T> {
  #buffer: Uint8Array = new Uint8Array(64 * 1024);
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
    this.#buffer = withRoom(this.#buffer, this.#length, needed);
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
