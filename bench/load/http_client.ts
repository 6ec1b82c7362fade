/** An answer: its status, and how long it took to come in milliseconds. */
export interface Answer {
  readonly status: number;
  readonly ms: number;
}

const HEAD_END = "\r\n\r\n";

/**
 * One connection that is kept open, one request at a time, and no more work than that takes: so the time is the server's. It
 * reads answers with a `content-length` only.
 */
export class HttpClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(64 * 1024);
  readonly #decoder = new TextDecoder("latin1");

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(url: string): Promise<HttpClient> {
    const { hostname, port } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    return new HttpClient(connection);
  }

  /** Sends a request that `requestBytes` made, and waits for the whole answer. */
  async send(request: Uint8Array): Promise<Answer> {
    const begun = performance.now();
    for (let sent = 0; sent < request.length;) sent += await this.#connection.write(request.subarray(sent));
    for (let filled = 0;;) {
      const count = await this.#connection.read(this.#buffer.subarray(filled));
      if (count === null) throw new Error("the server closed the connection");
      filled += count;
      const status = this.#complete(filled);
      if (status !== undefined) return { status, ms: performance.now() - begun };
    }
  }

  /** The status, once the answer is there as a whole. */
  #complete(filled: number): number | undefined {
    const text = this.#decoder.decode(this.#buffer.subarray(0, filled));
    const end = text.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const length = /^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1];
    if (length === undefined) throw new Error(`an answer without a length: ${text.slice(0, end)}`);
    return filled >= end + HEAD_END.length + Number(length) ? Number(text.slice(9, 12)) : undefined;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** A `POST` as it goes over the wire. */
export function requestBytes(url: URL, headers: Record<string, string>, body: string): Uint8Array {
  const all = { host: url.host, "content-length": `${new TextEncoder().encode(body).length}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(`POST ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}
