const encoder = new TextEncoder();

/** Bytes put one after the other, big-endian as AMQP has them. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  octet(value: number): void {
    const offset = this.#grow(1);
    this.#view.setUint8(offset, value);
  }

  short(value: number): void {
    const offset = this.#grow(2);
    this.#view.setUint16(offset, value);
  }

  long(value: number): void {
    const offset = this.#grow(4);
    this.#view.setUint32(offset, value);
  }

  longlong(value: bigint | number): void {
    const offset = this.#grow(8);
    this.#view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)));
  }

  float(value: number): void {
    const offset = this.#grow(4);
    this.#view.setFloat32(offset, value);
  }

  double(value: number): void {
    const offset = this.#grow(8);
    this.#view.setFloat64(offset, value);
  }

  raw(bytes: Uint8Array): void {
    const offset = this.#grow(bytes.length);
    this.#bytes.set(bytes, offset);
  }

  shortstr(value: string | Uint8Array): void {
    const bytes = toBytes(value);
    if (bytes.length > 255) throw new RangeError(`A short string has at most 255 bytes, this one has ${bytes.length}`);
    this.octet(bytes.length);
    this.raw(bytes);
  }

  longstr(value: string | Uint8Array): void {
    const bytes = toBytes(value);
    this.long(bytes.length);
    this.raw(bytes);
  }

  /** What `fill` writes, with its length in bytes before it. */
  sized(fill: (inner: ByteWriter) => void): void {
    const inner = new ByteWriter();
    fill(inner);
    this.longstr(inner.take());
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(by: number): number {
    const offset = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      bytes.set(this.#bytes.subarray(0, offset));
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return offset;
  }
}

export function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}
