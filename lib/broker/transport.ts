/** A way to one client, below AMQP: a TCP connection or a WebSocket. */
export interface Transport {
  /** Host and port of the other side, for the log. */
  readonly remote: string;
  /** Reads up to the buffer's length; `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Resolves when the bytes are on their way; rejects once the connection is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more is written; what the client still sends can be read. */
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
      // It was closed before.
    }
  }
}

/** What a client may send before it is read. */
const MAX_QUEUED = 8 * 1024 * 1024;
/** Bytes of memory that each part of it takes besides: a client may send a byte at a time. */
const PART_OVERHEAD = 200;
/** What may wait to be sent before a write waits too. */
const MAX_BUFFERED = 1024 * 1024;
/** Milliseconds between two looks at what waits to be sent: a WebSocket does not say when it is sent. */
const LOOK = 5;

export class WebSocketTransport implements Transport {
  readonly remote: string;
  readonly #socket: WebSocket;
  readonly #queued: Uint8Array[] = [];
  #queuedBytes = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(socket: WebSocket, remote: string) {
    this.#socket = socket;
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
    const first = this.#queued[0];
    const count = Math.min(first.length, buffer.length);
    buffer.set(first.subarray(0, count));
    this.#queuedBytes -= count;
    if (count === first.length) {
      this.#queued.shift();
      this.#queuedBytes -= PART_OVERHEAD;
    } else this.#queued[0] = first.subarray(count);
    return count;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed || this.#socket.readyState !== WebSocket.OPEN) throw new Error("the WebSocket is closed");
    // Copied, since the socket sends later from where the bytes are.
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
    try {
      this.#socket.close();
    } catch {
      // It was closed before.
    }
  }

  #received(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.close();
    if (data.byteLength === 0) return;
    this.#queued.push(new Uint8Array(data));
    this.#queuedBytes += data.byteLength + PART_OVERHEAD;
    // A WebSocket cannot be told to wait: one that sends on while it is not read is cut off.
    if (this.#queuedBytes > MAX_QUEUED) this.close();
    this.#wake();
  }

  #end(): void {
    this.#closed = true;
    this.#wake();
  }
}
