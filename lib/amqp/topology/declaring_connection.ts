import { describeError, WarrenError } from "../../base/errors.ts";
import { type Client, connectClient, type OpenClient } from "../client/client.ts";

export interface DeclaringConnectionOptions {
  /** Tried in order. */
  urls: () => readonly string[];
  /** The connection's name in the broker's own tools. */
  name: string;
  /** For WebSocket URLs. */
  vhost?: string;
  /** PEM of the authority that signed the broker's certificate. */
  ca?: string;
  /** Milliseconds for a handshake. @default 5_000 */
  timeout?: number;
  /** Milliseconds without use after which it closes. @default 10_000 */
  idle?: number;
}

/** A connection that is open while it is used for declarations. */
export interface Lent extends AsyncDisposable {
  readonly client: Client;
}

/**
 * The connection on which functions' queues and exchanges are declared: brokers end a connection for some of what they
 * refuse, and nobody consumes or publishes on this one. It is opened when it is needed, and closed when it is idle.
 */
export class DeclaringConnection {
  readonly #options: DeclaringConnectionOptions;
  readonly #closing = new AbortController();
  #opening: Promise<OpenClient> | undefined;
  #users = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DeclaringConnectionOptions) {
    this.#options = options;
  }

  /** @throws {WarrenError} `unavailable` or `refused` if no broker can be connected to */
  async lend(): Promise<Lent> {
    clearTimeout(this.#idle);
    this.#users++;
    try {
      const { client } = await (this.#opening ??= this.#open());
      return { client, [Symbol.asyncDispose]: () => Promise.resolve(this.#giveBack()) };
    } catch (error) {
      this.#giveBack();
      throw error;
    }
  }

  /** A connection for a single use, for declarations that are known to end connections. */
  async lendAlone(): Promise<Lent> {
    const { client, close } = await this.#connect();
    return { client, [Symbol.asyncDispose]: close };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#idle);
    await (await this.#opening?.catch(() => undefined))?.close();
  }

  #giveBack(): void {
    if (--this.#users > 0 || this.#closing.signal.aborted) return;
    this.#idle = setTimeout(() => {
      const open = this.#opening;
      this.#opening = undefined;
      void open?.then(({ close }) => close(), () => {});
    }, this.#options.idle ?? 10_000);
  }

  #open(): Promise<OpenClient> {
    const opening = this.#connect();
    const forget = () => {
      if (this.#opening === opening) this.#opening = undefined;
    };
    opening.then(({ closed }) => closed.then(forget), forget);
    return opening;
  }

  async #connect(): Promise<OpenClient> {
    const { urls, name, vhost, ca, timeout = 5_000 } = this.#options;
    const { signal } = this.#closing;
    const failures: unknown[] = [];
    for (const url of urls()) {
      if (signal.aborted) break;
      try {
        return await connectClient(url, { heartbeat: 20_000, name, vhost, ca, timeout, signal });
      } catch (error) {
        failures.push(error);
      }
    }
    const [first] = failures;
    if (first instanceof WarrenError) throw first;
    throw new WarrenError("unavailable", first ? describeError(first) : "the connection was closed");
  }
}
