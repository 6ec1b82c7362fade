const FRAME_HEADER = 7;
const FRAME_END = 1;

/**
 * AMQP over WebSocket for a broker that has only TCP. Each message to the client carries whole AMQP
 * frames: the client cannot put together a frame header that is split over messages.
 */
export class WebSocketRelay implements AsyncDisposable {
  readonly #target: { hostname: string; port: number };
  readonly #scheme: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #open = new Map<WebSocket, Deno.TcpConn>();

  /** With `tls`, in PEM form, it speaks `wss:` as `localhost`. */
  constructor(amqpUrl: string, tls?: { cert: string; key: string }) {
    const { hostname, port } = new URL(amqpUrl);
    this.#target = { hostname, port: Number(port || 5672) };
    this.#scheme = tls ? "wss://localhost" : "ws://127.0.0.1";
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls },
      (request) => this.#upgrade(request),
    );
  }

  /** The same URL, user and password included, through the relay. The path of a WebSocket URL is no vhost. */
  urlFor(amqpUrl: string): string {
    const { username, password } = new URL(amqpUrl);
    const url = new URL(`${this.#scheme}:${this.#server.addr.port}/`);
    url.username = username;
    url.password = password;
    return url.href;
  }

  /** Drops every connection; new ones are still taken. */
  cut(): void {
    for (const broker of this.#open.values()) close(broker);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.#server.shutdown();
  }

  async #upgrade(request: Request): Promise<Response> {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return new Response("WebSocket only\n", { status: 426 });
    }
    let broker: Deno.TcpConn;
    try {
      broker = await Deno.connect(this.#target);
    } catch (error) {
      return new Response(`${error}\n`, { status: 502 });
    }
    const protocol = request.headers.get("sec-websocket-protocol")?.split(",")[0].trim();
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol });
    socket.binaryType = "arraybuffer";
    this.#open.set(socket, broker);
    let written = Promise.resolve();
    socket.onopen = () => void this.#toClient(broker, socket);
    socket.onmessage = ({ data }) => {
      written = written.then(() => writeAll(broker, new Uint8Array(data))).catch(() => close(broker));
    };
    socket.onclose = () => {
      this.#open.delete(socket);
      void written.then(() => close(broker));
    };
    socket.onerror = () => close(broker);
    return response;
  }

  async #toClient(broker: Deno.TcpConn, socket: WebSocket): Promise<void> {
    let pending = new Uint8Array(0);
    try {
      for await (const chunk of broker.readable) {
        pending = concat(pending, chunk);
        const whole = wholeFrames(pending);
        if (whole === 0) continue;
        socket.send(pending.slice(0, whole));
        pending = pending.slice(whole);
      }
    } catch {
      // The broker's side is gone: so is the client's.
    }
    if (socket.readyState === WebSocket.OPEN) socket.close();
  }
}

/** How many of the bytes are whole frames. A refused protocol header ("AMQP…", 8 bytes) counts as one. */
function wholeFrames(bytes: Uint8Array): number {
  if (bytes[0] === 0x41) return bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  while (end + FRAME_HEADER <= bytes.length) {
    const next = end + FRAME_HEADER + view.getUint32(end + 3) + FRAME_END;
    if (next > bytes.length) break;
    end = next;
  }
  return end;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
