/** A connection to one client, below AMQP: TCP or WebSocket. */
export interface Transport {
  /** Host and port of the client, for the log. */
  readonly remote: string;
  /** Reads up to the buffer's length. `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Resolves when the bytes are sent. Rejects if the connection is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends writing. Data that the client still sends can be read. */
  finish(): void;
  close(): void;
}

export class TcpTransport implements Transport {
  readonly remote: string;
  readonly #connection: Deno.TcpConn;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    connection.setNoDelay(true);
    const { hostname, port } = connection.remoteAddr;
    this.remote = `${hostname}:${port}`;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#connection.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(sent === 0 ? bytes : bytes.subarray(sent));
    }
  }

  finish(): void {
    this.#connection.closeWrite().catch(() => {});
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // Closed already.
    }
  }
}

/** Counts the unread data of WebSockets. */
export class Unread {
  bytes = 0;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }
}

/** Approximate memory of a WebSocket message, in addition to its bytes. */
const MESSAGE_OVERHEAD = 256;
/** Bytes that may be unsent before a write waits. */
const MAX_BUFFERED = 1024 * 1024;
/** Milliseconds between two checks of unsent data: WebSockets have no event for it. */
const LOOK = 5;

export class WebSocketTransport implements Transport {
  readonly remote: string;
  readonly #socket: WebSocket;
  readonly #queued: Uint8Array[] = [];
  /** Index of the first message in the list that is unread. */
  #first = 0;
  /** The counts of all WebSockets, and of this one. */
  readonly #unread: Unread;
  #unreadBytes = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(socket: WebSocket, remote: string, unread: Unread) {
    this.#socket = socket;
    this.#unread = unread;
    this.remote = remote;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = socket.onerror = () => this.#end();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#queued.length === 0) {
      if (this.#closed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    let filled = 0;
    const before = this.#first;
    for (; filled < buffer.length && this.#first < this.#queued.length;) {
      const next = this.#queued[this.#first];
      const count = Math.min(next.length, buffer.length - filled);
      buffer.set(next.subarray(0, count), filled);
      filled += count;
      if (count === next.length) this.#first++;
      else this.#queued[this.#first] = next.subarray(count);
    }
    this.#count(-filled - (this.#first - before) * MESSAGE_OVERHEAD);
    this.#forget();
    return filled;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed || this.#socket.readyState !== WebSocket.OPEN) throw new Error("the WebSocket is closed");
    // Copied, since the socket sends later from this buffer.
    this.#socket.send(bytes.slice());
    while (this.#socket.bufferedAmount > MAX_BUFFERED && !this.#closed) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  finish(): void {
    this.close();
  }

  close(): void {
    this.#end();
    this.#queued.length = this.#first = 0;
    this.#count(-this.#unreadBytes);
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
  }

  #received(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.close();
    if (data.byteLength === 0) return;
    if (this.#closed) return;
    this.#queued.push(new Uint8Array(data));
    this.#count(data.byteLength + MESSAGE_OVERHEAD);
    // A WebSocket cannot be made to wait, so one that keeps sending while it is not read is closed.
    if (this.#unread.bytes > this.#unread.limit) this.close();
    this.#wake();
  }

  #count(bytes: number): void {
    this.#unreadBytes += bytes;
    this.#unread.bytes += bytes;
  }

  /** Removes the messages that were read. Not each time, since the list may be long. */
  #forget(): void {
    if (this.#first < this.#queued.length / 2) return;
    this.#queued.splice(0, this.#first);
    this.#first = 0;
  }

  #end(): void {
    this.#closed = true;
    this.#wake();
  }
}
