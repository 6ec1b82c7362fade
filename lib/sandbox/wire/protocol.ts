import { deserialize, serialize } from "node:v8";
import type { Failure } from "../../invocation/outcome.ts";
import type { Content } from "../../invocation/sandbox.ts";
import type { OnceAnswer } from "../host/once_calls.ts";

/*
 * What the runner and a function's process say to each other, over a Unix
 * socket that nothing else uses: the handler's own output cannot disturb it.
 * A frame is a 32-bit big-endian length and that many bytes, the v8
 * serialization of an array of the tuples below. Neighbours travel in one frame:
 * one message a write has a tenth of the throughput.
 */

/** From the runner to the process. */
export type ToGuest =
  /** Starts invocations: see `Invocations`. */
  | [op: "invoke", bodies: Uint8Array, sizes: readonly number[], rest: readonly unknown[]]
  /** Cancels an invocation. If it has not begun, it never does, and the answer is "dropped". */
  | [op: "abort", id: number, reason: string]
  /**
   * Its time is over, counted from when it was sent. If it began later, the answer "early" has the time that is left.
   */
  | [op: "overdue", id: number, reason: string]
  /** A process that is not stuck answers at once. */
  | [op: "ping"]
  /** Somebody follows the message of an invocation. */
  | [op: "follow", id: number]
  /** Answers a call of `once()`. */
  | [op: "once", call: number, answer: OnceAnswer]
  /** Asks whether a message is valid. */
  | [op: "validate", call: number, content: Content];

/** From the process to the runner. */
export type FromGuest =
  /** The module is loaded. The schema of its bodies is JSON. */
  | [op: "ready", inputSchema?: string]
  | [op: "pong"]
  | [op: "validated", call: number, failure: Failure | undefined]
  /** Its turn came late, or has not come yet. It has this many milliseconds of its time left. */
  | [op: "early", id: number, left: number]
  /** It was aborted before its turn. Nothing of it has run or will. */
  | [op: "dropped", id: number]
  | [op: "broken", failure: Failure]
  /** An uncaught error. The process may be in any state, so it must end. */
  | [op: "uncaught", failure: Failure]
  /** All invocations that completed since the last frame. By far the most frequent message. */
  | [op: "done", ids: readonly number[]]
  | [
    op: "result",
    id: number,
    kind: "failed" | "rejected" | "undecodable" | "invalid",
    failure: Failure,
    delay: number | undefined,
  ]
  /** All that completed with outputs, or with a return value that is needed: see `Completions`. */
  | [op: "completed", bodies: Uint8Array, sizes: readonly number[], rest: readonly unknown[]]
  /** An invocation calls `once()`. */
  | [op: "once", id: number, call: number, key: string]
  /** The effect of that call has run. The value is JSON, or says why there is none. */
  | [op: "onceDone", id: number, call: number, value: string | undefined]
  /** The effect threw. */
  | [op: "onceFailed", id: number, call: number]
  /** The function read environment variables that its config does not grant. */
  | [op: "env", variables: readonly string[]]
  /** How far an invocation is that is followed, in JSON. */
  | [op: "progress", id: number, text: string]
  /** The fields are an object in JSON. */
  | [op: "log", id: number, level: string, message: string, fields: string | undefined];

/** Saved before the function's module loads, which may replace it. */
const { setImmediate } = globalThis;

/** A frame with this many bytes of bodies gets no further message, so that it stays below `MAX_FRAME`. */
const FULL_FRAME = 16 * 1024 * 1024;
/** A frame with this many messages is full, since reading it blocks the process. */
const FULL_COUNT = 1_000;
/** Maximum size of a frame. A larger one is not from Warren. */
export const MAX_FRAME = 256 * 1024 * 1024;

/** Maximum length of a log line's fields in characters. */
export const MAX_FIELDS = 64 * 1024;

/** Writes all messages as one frame. */
export function encodeFrame(messages: readonly (ToGuest | FromGuest)[]): Uint8Array {
  const payload = serialize(messages);
  const frame = new Uint8Array(payload.length + 4);
  new DataView(frame.buffer).setUint32(0, payload.length);
  frame.set(payload, 4);
  return frame;
}

/**
 * Cuts a stream of bytes back into the messages of its frames.
 *
 * @throws {RangeError} from `push()` when a length is beyond `MAX_FRAME`, and
 * whatever v8 says of bytes that are no serialization
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
  while (bytes.length - at >= 4) {
    const size = view.getUint32(at);
    if (size > MAX_FRAME) throw new RangeError(`a frame of ${size} bytes is beyond the limit of ${MAX_FRAME}`);
    if (bytes.length - at - 4 < size) break;
    // Copied, since decoded values may be views of it.
    const decoded: unknown = deserialize(bytes.slice(at + 4, at + 4 + size));
    if (!Array.isArray(decoded)) throw new TypeError("a frame is not an array");
    messages = messages ? messages.concat(decoded) : decoded;
    at += 4 + size;
  }
  return { messages: messages ?? [], end: at };
}

/** A message, or a function that makes it when the frame is written. Until then it can grow. */
export type Sent<T> = T | (() => T);

/**
 * Sends messages over a connection, all of one turn of the event loop in one
 * frame, or in several where their bodies are large.
 */
export class FrameWriter<T extends ToGuest | FromGuest> {
  readonly #connection: Deno.Conn;
  readonly #onError: (error: unknown) => void;
  readonly #onUnsendable: (message: T, error: unknown) => void;
  #pending: Sent<T>[] = [];
  /** How many of them are in a frame already. */
  #taken = 0;
  #writing = false;
  #scheduled = false;

  /**
   * @param onError called once when the connection cannot be written to any more
   * @param onUnsendable called for a message that v8 cannot serialize, which is left out
   */
  constructor(
    connection: Deno.Conn,
    onError: (error: unknown) => void,
    onUnsendable: (message: T, error: unknown) => void = (_, error) => onError(error),
  ) {
    this.#connection = connection;
    this.#onError = onError;
    this.#onUnsendable = onUnsendable;
  }

  /** Messages that are in no frame yet. */
  get pending(): number {
    return this.#pending.length - this.#taken;
  }

  send(message: Sent<T>): void {
    this.#pending.push(message);
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Like `send`, but at once instead of at the end of the turn, for a caller that waits for it. */
  answer(message: Sent<T>): void {
    this.#pending.push(message);
    void this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#pending.length > 0) {
        const frame = this.#encode(this.#take());
        for (let at = 0; at < frame.length;) at += await this.#connection.write(frame.subarray(at));
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#writing = false;
    }
  }

  /** The contents of the next frame. */
  #take(): T[] {
    const messages: T[] = [];
    for (let size = 0; size < FULL_FRAME && messages.length < FULL_COUNT && this.#taken < this.#pending.length;) {
      const sent = this.#pending[this.#taken++];
      const message = typeof sent === "function" ? sent() : sent;
      messages.push(message);
      size += bodySize(message);
    }
    if (this.#taken > this.#pending.length / 2) {
      this.#pending.splice(0, this.#taken);
      this.#taken = 0;
    }
    return messages;
  }

  #encode(messages: T[]): Uint8Array {
    try {
      return encodeFrame(messages);
    } catch {
      // One of them cannot be serialized. The others must not suffer for it.
      return encodeFrame(messages.filter((message) => this.#sendable(message)));
    }
  }

  #sendable(message: T): boolean {
    try {
      serialize(message);
      return true;
    } catch (error) {
      this.#onUnsendable(message, error);
      return false;
    }
  }
}

function bodySize(message: ToGuest | FromGuest): number {
  switch (message[0]) {
    case "invoke":
      return message[1].length;
    case "validate":
      return message[2].body.length;
    case "completed":
      return message[1].length;
    default:
      return 0;
  }
}
