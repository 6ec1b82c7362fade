import { sizeOf } from "../../base/bytes.ts";
import { FrameEncoder, pieces } from "./frames.ts";
import type { FromGuest, ToGuest } from "./protocol.ts";

/** Saved before the function's module loads, which may replace it. */
const { setImmediate } = globalThis;

/** A write with this many bytes of bodies gets no further message, so that its frames stay below `MAX_FRAME`. */
const FULL_WRITE = 16 * 1024 * 1024;
/** A write with this many messages is full, since reading it blocks the process. */
const FULL_COUNT = 1_000;

/** A message, or a function that makes it when the frame is written. Until then it can grow. */
export type Sent<T> = T | (() => T);

/**
 * Sends messages over a connection, all of one turn of the event loop in one write, or in several where their bodies are
 * large: one message a write has a tenth of the throughput.
 */
export class FrameWriter<T extends ToGuest | FromGuest> {
  readonly #connection: Deno.Conn;
  readonly #onError: (error: unknown) => void;
  readonly #onUnsendable: (message: T, error: unknown) => void;
  readonly #encoder = new FrameEncoder();
  #pending: Sent<T>[] = [];
  /** How many of them are written already. */
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

  /** Messages that are not written yet. */
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
        const bytes = this.#encode(this.#take());
        for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#writing = false;
    }
  }

  /** What is written next. */
  #take(): T[] {
    const messages: T[] = [];
    for (let size = 0; size < FULL_WRITE && messages.length < FULL_COUNT && this.#taken < this.#pending.length;) {
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
      return this.#encoder.encode(messages);
    } catch {
      // One of them cannot be serialized. The others must not suffer for it.
      return this.#encoder.encode(messages.filter((message) => this.#sendable(message)));
    }
  }

  #sendable(message: T): boolean {
    try {
      this.#encoder.encode([message]);
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
    case "completed":
      return sizeOf(pieces(message[1]));
    case "validate":
      return message[2].body.length;
    default:
      return 0;
  }
}
