import { AmqpError } from "../protocol/amqp_error.ts";
import { FRAME_END, FRAME_OVERHEAD } from "../protocol/constants.ts";
import type { Transport } from "./transport.ts";

/**
 * Handles one frame. The payload is `bytes` from `start` to `end`, valid until the next read. Returns whether the next
 * frame may follow now.
 */
export type OnFrame = (type: number, channel: number, bytes: Uint8Array, start: number, end: number) => boolean;

/** Buffer size of each connection. */
const SMALL_BUFFER = 16 * 1024;
/** Size of a large buffer. It is lent to a connection that sends more, until all its data is handled. */
const LARGE_BUFFER = 256 * 1024;
/** How many large buffers are kept for reuse. */
const KEPT = 8;
const kept: Uint8Array<ArrayBuffer>[] = [];

/** Splits a client's data into frames. */
export class FrameReader {
  /**
   * Maximum payload. As on RabbitMQ, eight more bytes are allowed, since some clients do not count the frame's
   * overhead.
   */
  frameMax: number;
  readonly #transport: Transport;
  readonly #small = new Uint8Array(SMALL_BUFFER);
  #buffer = this.#small;
  #filled = 0;
  /** Whether there may be complete frames that were not handled yet. */
  #left = false;

  constructor(transport: Transport, frameMax: number) {
    this.#transport = transport;
    this.frameMax = frameMax;
  }

  /** Reads exactly `count` bytes. `undefined` if the client ends first. */
  async bytes(count: number): Promise<Uint8Array | undefined> {
    while (this.#filled < count) if (!await this.#fill()) return undefined;
    const bytes = this.#buffer.slice(0, count);
    this.#consume(count);
    this.#left = this.#filled > 0;
    return bytes;
  }

  /** Reads more data if no complete frame is left. False at the end. */
  async more(): Promise<boolean> {
    return this.#left || await this.#fill();
  }

  /**
   * Passes on complete frames until one call returns that it is enough for now.
   *
   * @throws {AmqpError} 501 for an invalid frame
   */
  handOver(onFrame: OnFrame): void {
    this.#left = this.#takeFrames(onFrame);
  }

  /** Reads more data and discards it. False at the end. */
  async discard(): Promise<boolean> {
    this.#filled = 0;
    return await this.#fill();
  }

  /** Whether the data ended within a frame. */
  #takeFrames(onFrame: OnFrame): boolean {
    const buffer = this.#buffer;
    let at = 0;
    try {
      while (this.#filled - at >= 7) {
        const channel = (buffer[at + 1] << 8) | buffer[at + 2];
        const size = ((buffer[at + 3] << 24) | (buffer[at + 4] << 16) | (buffer[at + 5] << 8) | buffer[at + 6]) >>> 0;
        if (size > this.frameMax) {
          throw AmqpError.hard("frameError", `type ${buffer[at]}, channel ${channel}: frame too large: ${size} bytes`);
        }
        const next = at + size + FRAME_OVERHEAD;
        if (this.#filled < next) break;
        if (buffer[next - 1] !== FRAME_END) {
          throw AmqpError.hard(
            "frameError",
            `type ${buffer[at]}, channel ${channel}: the frame does not end with ${FRAME_END}`,
          );
        }
        const type = buffer[at];
        const start = at + 7;
        at = next;
        if (!onFrame(type, channel, buffer, start, next - 1)) return true;
      }
      return false;
    } finally {
      this.#consume(at);
    }
  }

  async #fill(): Promise<boolean> {
    if (this.#filled === 0) this.#shrink();
    else if (this.#filled === this.#buffer.length) this.#grow();
    const count = await this.#transport.read(this.#buffer.subarray(this.#filled));
    if (count === null || count === 0) return false;
    this.#filled += count;
    // A client that fills its buffer is busy, so it gets a large one.
    if (this.#filled === SMALL_BUFFER && this.#buffer === this.#small) this.#grow();
    return true;
  }

  #grow(): void {
    const size = Math.max(LARGE_BUFFER, this.#buffer.length * 2);
    const grown = (size === LARGE_BUFFER ? kept.pop() : undefined) ?? new Uint8Array(size);
    grown.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = grown;
  }

  /** Returns the large buffer of an idle client with no pending data. */
  #shrink(): void {
    if (this.#buffer === this.#small) return;
    if (this.#buffer.length === LARGE_BUFFER && kept.length < KEPT) kept.push(this.#buffer);
    this.#buffer = this.#small;
  }

  #consume(count: number): void {
    if (count === 0) return;
    this.#buffer.copyWithin(0, count, this.#filled);
    this.#filled -= count;
  }
}
