import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { delay } from "../../base/time/backoff.ts";
import { endsWithin } from "../../base/time/within.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";
import type { Connection } from "../client/connection.ts";
import { unlessAborted } from "../client/unless_aborted.ts";
import { whileConnected } from "../client/while_connected.ts";
import { FLEET_EXCHANGE } from "../message/names.ts";
import { MOST_BYTES } from "./fleet_message.ts";

export interface FleetLinkOptions {
  /** Hears. */
  consuming: Connection;
  /** Speaks: a broker that is short of memory stops reading from connections that publish. */
  publishing: Connection;
  log: Logger;
  /** @default warren.fleet */
  exchange?: string;
  /** Milliseconds for which nothing that was sent to all comes back here, too, after which it binds anew. @default 12_000 */
  deafAfter?: number;
  onMessage: (body: Uint8Array) => void;
  /** It hears the others again: what was said before is lost. */
  onUp: () => void;
}

/** Milliseconds after which a user is tried again who lacks a right. */
const REFUSED_PAUSE = 5 * 60_000;
/** Milliseconds. What was not read by then is old. */
const EXPIRATION = "10000";
/** Milliseconds for the broker to take what is said last. */
const GOODBYE_LIMIT = 500;
/** Messages that wait for a runner that does not read. */
const MOST_WAITING = 10_000;

/** How a runner hears the others, and speaks to them. */
export interface Linked {
  /** It hears the others. */
  readonly up: boolean;
  /** The broker takes nothing from anybody now. */
  readonly blocked: boolean;
  /** The queue for what is for this runner alone. */
  readonly address: string | undefined;
  /** To one queue, or to all; false where it could not be sent. Nothing says whether it arrives. */
  send(body: Uint8Array, to?: string): boolean;
}

/**
 * A queue of this runner's own, bound to the exchange where all runners speak. It is exclusive, so it goes with the
 * connection, and is declared anew on the next one. Nothing here waits for the broker before it speaks: what cannot be sent
 * now is dropped, since it would be old when it could.
 */
export class FleetLink implements Linked {
  readonly #options: FleetLinkOptions;
  readonly #exchange: string;
  readonly #closing = new AbortController();
  readonly #speaking = new WeakMap<Client, Promise<AMQPChannel | undefined>>();
  #loop: Promise<void> | undefined;
  /** Gives up the queue; the loop declares another one. */
  #hearAnew: (why: string) => void = () => {};
  #address: string | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether anything came since this runner spoke first, and when that was. */
  #heard = false;
  #spokenAt: number | undefined;
  #warned = false;

  constructor(options: FleetLinkOptions) {
    this.#options = options;
    this.#exchange = options.exchange ?? FLEET_EXCHANGE;
  }

  get up(): boolean {
    return this.#address !== undefined;
  }

  get blocked(): boolean {
    return this.#options.publishing.state.blocked;
  }

  get address(): string | undefined {
    return this.#address;
  }

  start(): void {
    const { consuming: connection, log } = this.#options;
    const onInterrupted = (error: unknown) => {
      if (connection.state.connected) {
        log.debug(`does not hear the other runners: ${describeError(error)}; trying again`);
      }
    };
    this.#loop ??= whileConnected(
      { connection, signal: this.#closing.signal, initial: 200, onInterrupted },
      (client) => this.#hear(client),
    );
  }

  /** What was sent last is with the broker by then, if it answers. */
  async close(): Promise<void> {
    await endsWithin(GOODBYE_LIMIT, this.#allSaid());
    this.#closing.abort();
    await this.#loop;
  }

  /** Closing the channel is the only answer that says that what was sent on it arrived. */
  async #allSaid(): Promise<void> {
    await this.#last;
    const client = this.#options.publishing.ready;
    const channel = client && await this.#speaking.get(client);
    if (channel) await closeChannel(channel, GOODBYE_LIMIT);
  }

  send(body: Uint8Array, to?: string): boolean {
    const client = this.#options.publishing.ready;
    if (!client || body.length > MOST_BYTES) return false;
    // Anybody can name a queue for an answer: a function's queue gets none.
    if (to !== undefined && !to.startsWith(`${this.#exchange}.`)) return false;
    const [exchange, key] = to === undefined ? [this.#exchange, ""] : ["", to];
    if (to === undefined) this.#mayBeDeaf();
    this.#last = this.#speak(client, exchange, key, body).catch(() => {});
    return true;
  }

  async #hear(client: Client): Promise<void> {
    const { signal } = this.#closing;
    const unlessClosed = <T>(asked: Promise<T>) => unlessAborted(asked, signal, () => "closed");
    try {
      const channel = await unlessClosed(this.#open(client));
      try {
        const { name } = await unlessClosed(
          // Never the same name: the broker may not know yet that the last connection is gone.
          channel.queueDeclare(
            `${this.#exchange}.${crypto.randomUUID()}`,
            { exclusive: true, durable: false, autoDelete: true },
            { "x-max-length": MOST_WAITING },
          ),
        );
        await unlessClosed(channel.queueBind(name, this.#exchange, ""));
        const consumer = await unlessClosed(
          channel.basicConsume(name, { noAck: true }, ({ body }) => this.#received(body as Uint8Array | null)),
        );
        const { promise: anew, reject } = Promise.withResolvers<never>();
        this.#hearAnew = (why) => reject(new Error(why));
        this.#spokenAt = undefined;
        this.#address = name;
        this.#options.onUp();
        await unlessClosed(Promise.race([consumer.wait(), anew]));
        throw new Error("the queue is gone");
      } finally {
        this.#address = undefined;
        void closeChannel(channel);
      }
    } catch (error) {
      if (replyCode(error) === 403 && !signal.aborted) {
        this.#warn(error);
        await delay(REFUSED_PAUSE, signal);
      }
      throw error;
    }
  }

  /** A channel, with the exchange there. Who may not declare it can use it where it exists. */
  async #open(client: Client): Promise<AMQPChannel> {
    const channel = await client.channel();
    channel.onerror = () => {};
    try {
      await channel.exchangeDeclare(this.#exchange, "fanout", { durable: true });
      return channel;
    } catch (error) {
      if (![403, 406].includes(replyCode(error) ?? 0)) throw error;
      const other = await client.channel();
      other.onerror = () => {};
      await other.exchangeDeclare(this.#exchange, "fanout", { passive: true }).catch((found) => {
        throw replyCode(found) === 404 ? error : found;
      });
      return other;
    }
  }

  /**
   * What is sent to all comes back here, too. If it does not, the exchange was deleted and somebody else has declared another
   * one, to which this runner's queue is not bound.
   */
  #mayBeDeaf(): void {
    const now = performance.now();
    if (!this.up) return;
    if (this.#heard || this.#spokenAt === undefined) {
      this.#heard = false;
      this.#spokenAt = now;
    } else if (now - this.#spokenAt > (this.#options.deafAfter ?? 12_000)) {
      this.#spokenAt = undefined;
      this.#hearAnew("its exchange was deleted");
    }
  }

  /** Nobody catches what the client's callback throws: it would end the process. */
  #received(body: Uint8Array | null): void {
    this.#heard = true;
    try {
      this.#options.onMessage(body ?? new Uint8Array(0));
    } catch (error) {
      this.#options.log.debug(`a message of another runner could not be used: ${describeError(error)}`);
    }
  }

  async #speak(client: Client, exchange: string, key: string, body: Uint8Array): Promise<void> {
    let opening = this.#speaking.get(client);
    if (!opening) this.#speaking.set(client, opening = this.#openToSpeak(client));
    const channel = await opening;
    await channel?.basicPublish(exchange, key, body, { contentType: "application/json", expiration: EXPIRATION });
  }

  /** Undefined for a while where this failed or the user may not. */
  async #openToSpeak(client: Client): Promise<AMQPChannel | undefined> {
    try {
      const channel = await client.channel();
      channel.onerror = (reason) => this.#cannotSpeak(client, reason);
      return channel;
    } catch {
      this.#speaking.delete(client);
      return undefined;
    }
  }

  #cannotSpeak(client: Client, reason: string): void {
    this.#speaking.delete(client);
    if (/\b404\b|NOT_FOUND/.test(reason)) {
      // Somebody deleted the exchange, and with it the binding of this runner's queue.
      this.#hearAnew("its exchange was deleted");
    } else if (/\b403\b|ACCESS_REFUSED/.test(reason)) {
      this.#warn(new Error(reason));
      this.#speaking.set(client, Promise.resolve(undefined));
      const again = setTimeout(() => this.#speaking.delete(client), REFUSED_PAUSE);
      Deno.unrefTimer(again);
    }
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.log.warn(
      `this runner and the others cannot see each other: the broker's user needs the rights to configure, write and read ` +
        `"${this.#exchange}" and what begins with "${this.#exchange}.". Each runner shows itself alone, and pauses for all runners are ` +
        `noticed late. The broker says: ${describeError(error)}`,
    );
  }
}
