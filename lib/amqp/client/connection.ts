import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { shownUrl } from "../../base/secret_url.ts";
import { unlessAborted } from "./unless_aborted.ts";
import { type BrokerIdentity, type Client, connectClient, type OpenClient } from "./client.ts";

export interface ConnectionOptions {
  /** Tried in order, again from the first after the last. A function is called for each attempt. */
  urls: readonly string[] | (() => readonly string[]);
  /** The connection's name in the broker's own tools. */
  name: string;
  log: Logger;
  /** Milliseconds. 0 turns heartbeats off. @default 20_000 */
  heartbeat?: number;
  /** For WebSocket URLs. @default "/" */
  vhost?: string;
  /** PEM of the authority that signed the broker's certificate. */
  ca?: string;
  /** Milliseconds for a handshake. @default 10_000 */
  timeout?: number;
  /** Awaited before each attempt. If it rejects, the attempt has failed. */
  prepare?: () => Promise<void>;
  /** Called after each handshake, with the URL without its password. */
  onConnected?: (broker: BrokerIdentity, url: string) => void;
}

/** Milliseconds. A connection that is lost sooner than this is opened again only after a growing delay. */
const STEADY = 10_000;

/** The state of a connection. */
export interface ConnectionState {
  readonly connected: boolean;
  /** Why it is not connected, or why the broker takes no publishes. */
  readonly detail: string | undefined;
  readonly blocked: boolean;
  readonly url: string | undefined;
  readonly broker: BrokerIdentity | undefined;
}

/**
 * A connection that is kept: it connects in the background, again after every
 * loss, with growing, jittered delays, until it is closed.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #open: OpenClient | undefined;
  #waiting = Promise.withResolvers<Client>();
  #unblocked: PromiseWithResolvers<void> | undefined;
  #url: string | undefined;
  #detail: string | undefined = "not connected yet";
  #loop: Promise<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#log = options.log.child({ connection: options.name });
    this.#waiting.promise.catch(() => {});
  }

  get state(): ConnectionState {
    return {
      connected: this.#open !== undefined,
      detail: this.#open?.client.blocked ?? this.#detail,
      blocked: this.#open?.client.blocked !== undefined,
      url: this.#url && shownUrl(this.#url),
      broker: this.#open?.broker,
    };
  }

  /** The URL that was connected last, with its password. */
  get url(): string | undefined {
    return this.#url;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * The live client, once there is one.
   *
   * @throws {WarrenError} `unavailable` when the signal aborts first or the connection is closed
   */
  async opened(signal?: AbortSignal): Promise<Client> {
    if (this.#open) return this.#open.client;
    return await unlessAborted(
      this.#waiting.promise,
      signal,
      () => `no connection to the broker: ${this.#detail ?? "closed"}`,
    );
  }

  /** The live client, if there is one that takes publishes now. */
  get ready(): Client | undefined {
    const client = this.#open?.client;
    return client?.blocked ? undefined : client;
  }

  /** Resolves once the broker takes publishes. It may refuse them for a while if memory or disk is short. */
  async unblocked(signal?: AbortSignal): Promise<void> {
    while (this.#open?.client.blocked) {
      this.#unblocked ??= Promise.withResolvers<void>();
      const reason = this.#open.client.blocked;
      await unlessAborted(this.#unblocked.promise, signal, () => `the broker takes no publishes now: ${reason}`);
    }
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#open?.close();
    this.#waiting.reject(new WarrenError("unavailable", "the connection was closed"));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    const { urls } = this.#options;
    for (let tries = 0; !this.#stopped.signal.aborted; tries++) {
      let started = performance.now();
      try {
        await this.#prepare();
        const now = typeof urls === "function" ? urls() : urls;
        this.#url = now[tries % now.length];
        started = performance.now();
        await this.#serve(this.#url);
        if (this.#stopped.signal.aborted) return;
        if (performance.now() - started > STEADY) backoff.reset();
        this.#log.warn(`the connection to the broker is lost: ${this.#detail}; connecting again`);
        tries = -1;
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#detail = describeError(error);
        const wait = backoff.next();
        this.#log.warn(`${this.#detail}; trying again in ${(wait / 1000).toFixed(1)} s`);
        await delay(wait, this.#stopped.signal);
        continue;
      }
      await delay(backoff.next(), this.#stopped.signal);
    }
  }

  async #prepare(): Promise<void> {
    const { prepare } = this.#options;
    if (prepare) await unlessAborted(prepare(), this.#stopped.signal, () => "the connection was closed");
  }

  /** One connection, from the handshake to its loss. */
  async #serve(url: string): Promise<void> {
    const open = await connectClient(url, { heartbeat: 20_000, ...this.#options, signal: this.#stopped.signal });
    if (this.#stopped.signal.aborted) return await open.close();
    const { client, broker } = open;
    client.onblocked = (reason) => this.#log.warn(`the broker takes no publishes now: ${reason}`);
    client.onunblocked = () => {
      this.#log.info("the broker takes publishes again");
      this.#releaseBlocked();
    };
    this.#open = open;
    this.#detail = undefined;
    this.#log.debug(`connected to ${broker.product} ${broker.version}`, { url: shownUrl(url) });
    this.#options.onConnected?.(broker, shownUrl(url));
    this.#waiting.resolve(client);
    const reason = await open.closed;
    this.#open = undefined;
    this.#detail = reason;
    this.#waiting = Promise.withResolvers<Client>();
    this.#waiting.promise.catch(() => {});
    this.#releaseBlocked();
  }

  #releaseBlocked(): void {
    this.#unblocked?.resolve();
    this.#unblocked = undefined;
  }
}
