import type { Bytes } from "./field_table.ts";

/** Bytes of type, channel and size. */
const HEAD = 7;
/** Bytes. Headers cannot be split, so a broker may exceed the agreed size, but never this one. */
const LARGEST = 16 * 1024 * 1024;
/** Size of the buffer for an incomplete frame. */
const KEPT = 256 * 1024;

/** A frame of `size` bytes at `at`. The next read overwrites it. */
export type OnFrame = (from: Bytes, at: number, size: number) => void;

/** Splits received data into frames. */
export class FrameAssembler {
  readonly #onFrame: OnFrame;
  #buffer = new Uint8Array(0);
  /** The received bytes of an incomplete frame. */
  #have = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** @throws {RangeError} for a frame that is too large */
  push(chunk: Uint8Array): void {
    const from = viewed(chunk);
    let at = 0;
    while (at < chunk.length) {
      const left = chunk.length - at;
      if (this.#have === 0 && left >= HEAD) {
        const size = sizeOf(chunk, at);
        if (left >= size) {
          this.#onFrame(from, at, size);
          at += size;
          continue;
        }
      }
      at += this.#gather(chunk, at);
    }
  }

  /** Adds data to the incomplete frame. Returns how many bytes were used. */
  #gather(chunk: Uint8Array, at: number): number {
    const need = this.#have < HEAD ? HEAD : sizeOf(this.#buffer, 0);
    const taken = Math.min(need - this.#have, chunk.length - at);
    if (this.#buffer.length < need) {
      const larger = new Uint8Array(need);
      larger.set(this.#buffer.subarray(0, this.#have));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk.subarray(at, at + taken), this.#have);
    this.#have += taken;
    if (this.#have === need && need > HEAD) {
      this.#have = 0;
      this.#onFrame(viewed(this.#buffer), 0, need);
      if (this.#buffer.length > KEPT) this.#buffer = new Uint8Array(0);
    }
    return taken;
  }
}

/** Size of a complete frame in bytes, including overhead. */
function sizeOf(bytes: Uint8Array, at: number): number {
  const payload = ((bytes[at + 3] << 24) | (bytes[at + 4] << 16) | (bytes[at + 5] << 8) | bytes[at + 6]) >>> 0;
  if (payload > LARGEST) throw new RangeError(`a frame of ${payload} bytes is beyond the limit of ${LARGEST}`);
  return payload + HEAD + 1;
}

function viewed(bytes: Uint8Array): Bytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}
