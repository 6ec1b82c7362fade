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

/** Runner to process. */
export type ToGuest =
  /** All that is to start: see `Invocations`. */
  | [op: "invoke", bodies: Uint8Array, sizes: readonly number[], rest: readonly unknown[]]
  /** What has not begun never does, and "dropped" says so. */
  | [op: "abort", id: number, reason: string]
  /** Its time is over, if it began when it was sent; else "early" says what is left of it. */
  | [op: "overdue", id: number, reason: string]
  /** Answered at once by a process that is not stuck. */
  | [op: "ping"]
  /** To what was said of that call. */
  | [op: "once", call: number, answer: OnceAnswer]
  /** Whether a message would be let through. */
  | [op: "validate", call: number, content: Content];

/** Process to runner. */
export type FromGuest =
  | [op: "ready"]
  | [op: "pong"]
  | [op: "validated", call: number, failure: Failure | undefined]
  /** Its turn came late, or has not come yet: so many milliseconds are left of its time. */
  | [op: "early", id: number, left: number]
  /** It was aborted before its turn came: nothing of it has run, and nothing will. */
  | [op: "dropped", id: number]
  | [op: "broken", failure: Failure]
  /** An error that nothing caught: the process may be in any state, and has to end. */
  | [op: "uncaught", failure: Failure]
  /** All that completed since the last frame: by far the most there is to say. */
  | [op: "done", ids: readonly number[]]
  | [
    op: "result",
    id: number,
    kind: "failed" | "rejected" | "undecodable" | "invalid",
    failure: Failure,
    delay: number | undefined,
  ]
  /** All that completed with something to publish, or a result that somebody wants: see `Completions`. */
  | [op: "completed", bodies: Uint8Array, sizes: readonly number[], rest: readonly unknown[]]
  /** An invocation wants to run an effect once. */
  | [op: "once", id: number, call: number, key: string]
  /** The effect of that call has run; the value is JSON, or says why there is none. */
  | [op: "onceDone", id: number, call: number, value: string | undefined]
  /** It threw. */
  | [op: "onceFailed", id: number, call: number]
  /** It looked at environment variables that its config does not grant. */
  | [op: "env", variables: readonly string[]]
  /** The fields are an object in JSON. */
  | [op: "log", id: number, level: string, message: string, fields: string | undefined];

/** As it is before a function's module loads, which may replace it. */
const { setImmediate } = globalThis;

/** A frame with so many bytes of bodies takes no further message: a burst of large ones would be beyond `MAX_FRAME`. */
const FULL_FRAME = 16 * 1024 * 1024;
/** So many messages, and a frame is full: who reads it does nothing else meanwhile. */
const FULL_COUNT = 1_000;
/** No frame is larger; what claims to be is not one of ours. */
export const MAX_FRAME = 256 * 1024 * 1024;

/** Characters of a log line's fields. */
export const MAX_FIELDS = 64 * 1024;

/** One frame with all the messages in it. */
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

  /** Takes what was read; gives the messages that are complete with it. */
  push(chunk: Uint8Array): T[] {
    // Frames that are whole in what was read are not gathered first.
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

/** The messages of all whole frames, and where those end. */
function readFrames<T>(bytes: Uint8Array): { messages: T[]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let messages: T[] | undefined;
  let at = 0;
  while (bytes.length - at >= 4) {
    const size = view.getUint32(at);
    if (size > MAX_FRAME) throw new RangeError(`a frame of ${size} bytes is beyond the limit of ${MAX_FRAME}`);
    if (bytes.length - at - 4 < size) break;
    // A copy: what is decoded may be views of it.
    const decoded: unknown = deserialize(bytes.slice(at + 4, at + 4 + size));
    if (!Array.isArray(decoded)) throw new TypeError("a frame is not an array");
    messages = messages ? messages.concat(decoded) : decoded;
    at += 4 + size;
  }
  return { messages: messages ?? [], end: at };
}

/** A message, or what makes it when its frame is made: until then it can grow. */
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

  /** As `send`, without waiting for the turn to end: who asked waits for it. */
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

  /** What the next frame has in it. */
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
      // One of them has something in it that is no data: the others are not to suffer for it.
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
