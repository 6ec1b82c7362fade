import { FRAME, FRAME_OVERHEAD } from "../protocol/constants.ts";
import type { Message } from "../queue/message.ts";
import { Writer } from "../protocol/writer.ts";
import type { Transport } from "./transport.ts";

/** More than this not sent yet, and the client gets no more deliveries until it is. */
const FULL = 256 * 1024;
/** A buffer that grew beyond this is not kept. */
const KEPT = 1024 * 1024;
/** Nor is one beyond this that was nearly empty so many times in a row: a client may get one large message and no other. */
const SMALL = 64 * 1024;
const QUIET = 8;

/**
 * Frames on their way to one client: those of one turn of the event loop leave in one write. What is written
 * are always whole frames.
 */
export class Output {
  /** When something was last written, by `performance.now()`. */
  lastWrite = performance.now();
  /** Called when a client that was too slow has caught up. */
  onDrain: () => void = () => {};
  onError: (error: unknown) => void = () => {};
  readonly #transport: Transport;
  #current = new Writer();
  #spare = new Writer();
  #scheduled = false;
  /** What still writes something into the next write. */
  #additions: (() => void)[] = [];
  #pumping: Promise<void> | undefined;
  #wasFull = false;
  #quiet = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Where the next frames are written; they leave by themselves. */
  get writer(): Writer {
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.#flush());
    }
    return this.#current;
  }

  /** Calls back right before what is written now is sent: what the callback writes leaves in the same write. */
  beforeSend(callback: () => void): void {
    this.#additions.push(callback);
    void this.writer;
  }

  /** Whether the client reads more slowly than it is written to. */
  get full(): boolean {
    if (this.#current.length <= FULL) return false;
    return this.#wasFull = true;
  }

  /** Whether nothing waits to be sent. */
  get idle(): boolean {
    return this.#current.length === 0 && this.#pumping === undefined;
  }

  /** Resolves when everything that was written is sent. */
  async drained(): Promise<void> {
    this.#flush();
    await this.#pumping;
  }

  /** A message after the method frame that announces it: its header, and its body in frames that fit. */
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
