import { FRAME, FRAME_OVERHEAD } from "../protocol/constants.ts";
import type { Message } from "../queue/message.ts";
import { Writer } from "../protocol/writer.ts";
import type { Transport } from "./transport.ts";

/** If more bytes than this are unsent, the client gets no more deliveries until they are sent. */
const FULL = 256 * 1024;
/** A larger buffer is not kept. */
const KEPT = 1024 * 1024;
/** A buffer above this size is not kept if it was nearly empty this many times in a row. */
const SMALL = 64 * 1024;
const QUIET = 8;

/**
 * Collects frames for one client and sends all frames of one turn of the event loop in one write. Each write consists
 * of complete frames.
 */
export class Output {
  /** Time of the last write, by `performance.now()`. */
  lastWrite = performance.now();
  /** Called when a slow client has caught up. */
  onDrain: () => void = () => {};
  onError: (error: unknown) => void = () => {};
  readonly #transport: Transport;
  #current = new Writer();
  #spare = new Writer();
  #scheduled = false;
  /** Callbacks that add to the next write. */
  #additions: (() => void)[] = [];
  #pumping: Promise<void> | undefined;
  #wasFull = false;
  #quiet = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The writer for the next frames. They are sent automatically. */
  get writer(): Writer {
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.#flush());
    }
    return this.#current;
  }

  /** Calls back right before the current data is sent. Frames that the callback writes leave in the same write. */
  beforeSend(callback: () => void): void {
    this.#additions.push(callback);
    void this.writer;
  }

  /** Whether the client reads more slowly than the broker writes. */
  get full(): boolean {
    if (this.#current.length <= FULL) return false;
    return this.#wasFull = true;
  }

  /** Whether nothing waits to be sent. */
  get idle(): boolean {
    return this.#current.length === 0 && this.#pumping === undefined;
  }

  /** Resolves when everything is sent. */
  async drained(): Promise<void> {
    this.#flush();
    await this.#pumping;
  }

  /** Writes the content of a message after its method frame: the header, and the body in frames that fit. */
  content(channel: number, { content, headerLength }: Message, frameMax: number): void {
    const { writer } = this;
    writer.frame(FRAME.header, channel, content, 0, headerLength);
    const most = frameMax - FRAME_OVERHEAD;
    for (let at = headerLength; at < content.length; at += most) {
      writer.frame(FRAME.body, channel, content, at, Math.min(at + most, content.length));
    }
  }

  #flush(): void {
    this.#complete();
    this.#scheduled = false;
    if (this.#current.length > 0) this.#pumping ??= this.#pump();
  }

  #keeps({ bytes, length }: Writer): boolean {
    if (length > bytes.length / 4) this.#quiet = 0;
    else this.#quiet++;
    return bytes.length <= SMALL || (bytes.length <= KEPT && this.#quiet < QUIET);
  }

  #complete(): void {
    const additions = this.#additions;
    if (additions.length === 0) return;
    this.#additions = [];
    for (const add of additions) add();
  }

  async #pump(): Promise<void> {
    try {
      while (this.#current.length > 0) {
        this.#complete();
        const writing = this.#current;
        this.#current = this.#spare;
        this.lastWrite = performance.now();
        await this.#transport.write(writing.bytes.subarray(0, writing.length));
        this.#spare = this.#keeps(writing) ? writing : new Writer();
        this.#spare.length = 0;
        if (this.#wasFull && !this.full) {
          this.#wasFull = false;
          this.onDrain();
        }
      }
    } catch (error) {
      this.#current.length = 0;
      this.onError(error);
    } finally {
      this.#pumping = undefined;
    }
  }
}
