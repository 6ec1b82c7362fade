import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { TimedOut } from "./mailbox.ts";
import { type AnyMethod, decodeMethod, encodeMethod, type MethodArguments, type MethodInput } from "./methods.ts";
import type { MethodName } from "./methods.ts";

export const PROTOCOL_HEADER: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);
export const FRAME_METHOD = 1;
export const FRAME_HEADER = 2;
export const FRAME_BODY = 3;
export const FRAME_HEARTBEAT = 8;
export const FRAME_END = 0xce;
export const DEFAULT_TIMEOUT = 5_000;

export interface Frame {
  type: number;
  channel: number;
  payload: Uint8Array;
}

export function encodeFrame(type: number, channel: number, payload: Uint8Array, end = FRAME_END): Uint8Array {
  const writer = new ByteWriter();
  writer.octet(type);
  writer.short(channel);
  writer.longstr(payload);
  writer.octet(end);
  return writer.take();
}

/** A TCP connection to a broker and nothing else: bytes and frames in both directions. */
export class Wire implements AsyncDisposable {
  readonly #connection: Deno.TcpConn;
  readonly #pump: Promise<void>;
  #buffer = new Uint8Array(0);
  #ended = false;
  #arrived = Promise.withResolvers<void>();
  #written: Promise<unknown> = Promise.resolve();

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.#pump = this.#read();
  }

  /** @param url the broker's; only its host and port count */
  static async open(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const connection = await Deno.connect({
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port || 5672),
    });
    connection.setNoDelay(true);
    return new Wire(connection);
  }

  /** Writes in the order of the calls. A broker that has gone is no error: reading shows it. */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#written.then(async () => {
      for (let done = 0; done < bytes.length;) done += await this.#connection.write(bytes.subarray(done));
    }).catch(() => {});
    this.#written = written;
    return written;
  }

  writeFrame(type: number, channel: number, payload: Uint8Array): Promise<void> {
    return this.write(encodeFrame(type, channel, payload));
  }

  writeMethod<M extends MethodName>(channel: number, name: M, values: MethodInput<M>): Promise<void> {
    return this.writeFrame(FRAME_METHOD, channel, encodeMethod(name, values));
  }

  /** The next `length` bytes, or undefined where the broker closed before them. */
  async readBytes(length: number, timeout = DEFAULT_TIMEOUT): Promise<Uint8Array | undefined> {
    const deadline = performance.now() + timeout;
    while (this.#buffer.length < length) {
      if (this.#ended) return undefined;
      await this.#more(deadline - performance.now(), `${length} bytes`);
    }
    const bytes = this.#buffer.slice(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return bytes;
  }

  /** The next frame, or undefined where the broker closed the TCP connection. */
  async readFrame(timeout = DEFAULT_TIMEOUT): Promise<Frame | undefined> {
    const head = await this.readBytes(7, timeout);
    if (!head) return undefined;
    const reader = new ByteReader(head);
    const [type, channel, size] = [reader.octet(), reader.short(), reader.long()];
    const rest = await this.readBytes(size + 1, timeout);
    if (!rest) throw new Error(`The broker closed within a frame of ${size} bytes`);
    if (rest[size] !== FRAME_END) throw new Error(`A frame of the broker ends with ${rest[size]}`);
    return { type, channel, payload: rest.subarray(0, size) };
  }

  /** The next method, which has to be `name`; heartbeats are passed over. */
  async readMethod<M extends MethodName>(name: M, timeout = DEFAULT_TIMEOUT): Promise<MethodArguments<M>> {
    let frame = await this.readFrame(timeout);
    while (frame?.type === FRAME_HEARTBEAT) frame = await this.readFrame(timeout);
    if (!frame) throw new Error(`The broker closed the TCP connection where ${name} was expected`);
    const method: AnyMethod = decodeMethod(frame.payload);
    if (method.name !== name) {
      throw new Error(`Expected ${name}, got ${method.name} ${Deno.inspect(method.arguments)}`);
    }
    return method.arguments as MethodArguments<M>;
  }

  /** Resolves when the broker has closed the TCP connection; frames before that are passed over. */
  async readEnd(timeout = DEFAULT_TIMEOUT): Promise<void> {
    const deadline = performance.now() + timeout;
    while (!this.#ended) await this.#more(deadline - performance.now(), "the broker to close the TCP connection");
    this.#buffer = new Uint8Array(0);
  }

  /** Ends our side without a word, as a killed client does. */
  close(): void {
    try {
      this.#connection.close();
    } catch {
      // Closed before.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.all([this.#pump, this.#written]);
  }

  async #read(): Promise<void> {
    const chunk = new Uint8Array(65536);
    try {
      for (;;) {
        const count = await this.#connection.read(chunk);
        if (count === null) break;
        const joined = new Uint8Array(this.#buffer.length + count);
        joined.set(this.#buffer);
        joined.set(chunk.subarray(0, count), this.#buffer.length);
        this.#buffer = joined;
        this.#signal();
      }
    } catch {
      // A reset is an end.
    }
    this.#ended = true;
    this.#signal();
  }

  #signal(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers<void>();
  }

  async #more(timeout: number, what: string): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    // setTimeout takes no delay beyond 31 bits.
    const timer = setTimeout(
      () => reject(new TimedOut(`Waited in vain for ${what}; ${this.#buffer.length} bytes are there`)),
      Math.min(Math.max(timeout, 0), 2 ** 31 - 1),
    );
    try {
      await Promise.race([this.#arrived.promise, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
