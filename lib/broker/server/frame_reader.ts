import { AmqpError } from "../protocol/amqp_error.ts";
import { FRAME_END, FRAME_OVERHEAD } from "../protocol/constants.ts";
import type { Transport } from "./transport.ts";

/**
 * One frame; its payload is from `start` to `end` of `bytes`, which hold it until the next read. Gives whether the next
 * one may come now.
 */
export type OnFrame = (type: number, channel: number, bytes: Uint8Array, start: number, end: number) => boolean;

/** Bytes that each connection has to itself. */
const SMALL_BUFFER = 16 * 1024;
/** Bytes for one that sends more than that at once, lent for as long as something of it is left. */
const LARGE_BUFFER = 256 * 1024;
/** Large buffers that are kept for the next one. */
const KEPT = 8;
const kept: Uint8Array<ArrayBuffer>[] = [];

/** Cuts what a client sends into frames. */
export class FrameReader {
  /** No payload may be larger: as on RabbitMQ, the eight bytes around it are forgiven, since some clients forget them. */
  frameMax: number;
  readonly #transport: Transport;
  readonly #small = new Uint8Array(SMALL_BUFFER);
  #buffer = this.#small;
  #filled = 0;
  /** Whether frames may be complete that were not handed over. */
  #left = false;

  constructor(transport: Transport, frameMax: number) {
    this.#transport = transport;
    this.frameMax = frameMax;
  }

  /** Exactly `count` bytes, or `undefined` where the client ends first. */
  async bytes(count: number): Promise<Uint8Array | undefined> {
    while (this.#filled < count) if (!await this.#fill()) return undefined;
    const bytes = this.#buffer.slice(0, count);
    this.#consume(count);
    this.#left = this.#filled > 0;
    return bytes;
  }

  /** Waits for more where no complete frame may be left; false at the end. */
  async more(): Promise<boolean> {
    return this.#left || await this.#fill();
  }

  /**
   * Hands over the frames that are complete, until one says that it is enough for now.
   *
   * @throws {AmqpError} 501 for what is no frame
   */
  handOver(onFrame: OnFrame): void {
    this.#left = this.#takeFrames(onFrame);
  }

  /** Waits for more, and drops it; false at the end. */
  async discard(): Promise<boolean> {
    this.#filled = 0;
    return await this.#fill();
  }

  /** Whether it ended before its time. */
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
    // A client that fills it is a busy one.
    if (this.#filled === SMALL_BUFFER && this.#buffer === this.#small) this.#grow();
    return true;
  }

  #grow(): void {
    const size = Math.max(LARGE_BUFFER, this.#buffer.length * 2);
    const grown = (size === LARGE_BUFFER ? kept.pop() : undefined) ?? new Uint8Array(size);
    grown.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = grown;
  }

  /** A client that is waited for, and of which nothing is left, may never send much again. */
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
