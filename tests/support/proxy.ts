/**
 * What the proxy does: `pass` carries bytes, `blackhole` keeps connections open and drops every byte,
 * both ways, and `refuse` closes new connections at once. A mode holds for connections already open, too,
 * except that `refuse` leaves them alone.
 */
export type ProxyMode = "pass" | "blackhole" | "refuse";

/** Makes of bytes that the broker sent on one connection, in their order, what the client gets. */
export type Rewrite = (bytes: Uint8Array) => Uint8Array;

/** A TCP proxy on a free port of 127.0.0.1, to break a connection on purpose. */
export class Proxy implements AsyncDisposable {
  mode: ProxyMode = "pass";
  /** What each client sent first. */
  readonly hellos: Uint8Array[] = [];
  readonly #target: Deno.ConnectOptions;
  readonly #rewrite: (() => Rewrite) | undefined;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #done: Promise<void>;

  /** @param rewrite gives, for each connection, what is done to the broker's bytes */
  constructor(target: { hostname: string; port: number }, rewrite?: () => Rewrite) {
    this.#target = target;
    this.#rewrite = rewrite;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#done = this.#accept();
  }

  /** A proxy for the host of an AMQP URL; `urlFor()` gives the URL that leads through it. */
  static for(amqpUrl: string, rewrite?: () => Rewrite): Proxy {
    const { hostname, port } = new URL(amqpUrl);
    return new Proxy({ hostname, port: Number(port || 5672) }, rewrite);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** The same URL with the proxy's host and port. */
  urlFor(amqpUrl: string): string {
    const url = new URL(amqpUrl);
    url.hostname = "127.0.0.1";
    url.port = String(this.port);
    return url.href;
  }

  /** How many connections are open through the proxy. */
  get connections(): number {
    return this.#open.size / 2;
  }

  /** Closes every connection on both sides; new ones are still taken. Gives how many were cut. */
  cut(): number {
    const cut = this.connections;
    for (const connection of this.#open) close(connection);
    this.#open.clear();
    return cut;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#done;
  }

  async #accept(): Promise<void> {
    const pumps = new Set<Promise<void>>();
    try {
      for await (const client of this.#listener) {
        const pump = this.#serve(client).finally(() => pumps.delete(pump));
        pumps.add(pump);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource) && !(error instanceof Deno.errors.Interrupted)) throw error;
    }
    this.cut();
    await Promise.all(pumps);
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    if (this.mode === "refuse") return close(client);
    let broker: Deno.TcpConn;
    try {
      broker = await Deno.connect({ ...this.#target });
    } catch {
      return close(client);
    }
    this.#open.add(client).add(broker);
    let first = true;
    const noteFirst: Rewrite = (bytes) => {
      if (first) this.hellos.push(bytes.slice());
      first = false;
      return bytes;
    };
    await Promise.all([
      this.#pump(client, broker, noteFirst),
      this.#pump(broker, client, this.#rewrite?.()),
    ]);
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, rewrite: Rewrite = (bytes) => bytes): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        if (this.mode === "blackhole") continue;
        const bytes = rewrite(buffer.subarray(0, count));
        for (let done = 0; done < bytes.length;) done += await to.write(bytes.subarray(done));
      }
    } catch {
      // Either side went away: the end of this pair.
    }
    for (const connection of [from, to]) {
      this.#open.delete(connection);
      close(connection);
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
