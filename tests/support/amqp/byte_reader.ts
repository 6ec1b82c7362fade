const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads what ByteWriter writes; reading past the end throws. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  octet(): number {
    return this.#view.getUint8(this.#step(1));
  }

  byte(): number {
    return this.#view.getInt8(this.#step(1));
  }

  short(): number {
    return this.#view.getUint16(this.#step(2));
  }

  signedShort(): number {
    return this.#view.getInt16(this.#step(2));
  }

  long(): number {
    return this.#view.getUint32(this.#step(4));
  }

  signedLong(): number {
    return this.#view.getInt32(this.#step(4));
  }

  longlong(): bigint {
    return this.#view.getBigUint64(this.#step(8));
  }

  signedLonglong(): bigint {
    return this.#view.getBigInt64(this.#step(8));
  }

  float(): number {
    return this.#view.getFloat32(this.#step(4));
  }

  double(): number {
    return this.#view.getFloat64(this.#step(8));
  }

  raw(length: number): Uint8Array<ArrayBuffer> {
    const offset = this.#step(length);
    return this.#bytes.slice(offset, offset + length);
  }

  shortstr(): string {
    return utf8.decode(this.raw(this.octet()));
  }

  longstr(): string {
    return utf8.decode(this.raw(this.long()));
  }

  /** A text where the bytes are UTF-8, else the bytes: either encodes to what was read. */
  lossless(length: number): string | Uint8Array {
    const bytes = this.raw(length);
    try {
      return utf8.decode(bytes);
    } catch {
      return bytes;
    }
  }

  #step(by: number): number {
    const offset = this.#offset;
    if (offset + by > this.#bytes.length) {
      throw new RangeError(`${by} bytes are wanted at ${offset} of ${this.#bytes.length}`);
    }
    this.#offset += by;
    return offset;
  }
}
