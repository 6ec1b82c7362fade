import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { cutToShortString } from "../../base/short_string.ts";
import { valueWithin, within } from "../../base/time/within.ts";
import type { Pause } from "../../invocation/insight/pause.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";
import type { Connection } from "../client/connection.ts";
import { PAUSED_EXCHANGE, pausedQueue } from "../message/names.ts";
import type { Publisher } from "../publishing/publisher.ts";
import type { Topology } from "../topology/topology.ts";

export interface PauseStoreOptions {
  connection: Pick<Connection, "opened">;
  publisher: Pick<Publisher, "publish">;
  topology: Pick<Topology, "declarePause">;
  log: Logger;
  /** Milliseconds for all that one call asks of the broker. @default 10_000 */
  limit?: number;
}

/** Milliseconds. */
const LIMIT = 10_000;
const CONNECT_LIMIT = 2_000;
/** Milliseconds to read why a queue is paused: another runner may read it now. */
const READ_LIMIT = 2_000;
/** Somebody may resume it at the same time. */
const TRIES = 3;
/** A pause is in its queue twice: while a runner reads one message, the other one is counted. */
const COPIES = 2;

/**
 * Which queues are paused for all runners, kept in the broker. A queue `Q` is paused while there are messages in
 * `warren.paused.Q`. They are persistent, say who paused it and when, and expire where the pause has an end. The queue is
 * bound to an exchange that is gone when nothing is paused, so a look costs one question then.
 */
export class PauseStore {
  readonly #options: PauseStoreOptions;
  readonly #looking = new WeakMap<Client, Promise<boolean>>();
  #warned = false;

  constructor(options: PauseStoreOptions) {
    this.#options = options;
  }

  /**
   * Pauses a queue, also in place of a pause that ends at another time. Gives the pause that holds now.
   *
   * @throws {WarrenError} `unavailable` or `refused`, saying why
   */
  async write(queue: string, pause: Pause): Promise<Pause> {
    return await this.#limited(`queue "${queue}" could not be paused for all runners`, async (signal) => {
      const client = await this.#client();
      if (await this.look(client, queue)) {
        const before = await this.read(client, queue);
        if (before && before.until === pause.until) return before;
        // From here until the new one is there, a runner that starts at this very moment does not know of any.
        await this.#delete(client, queue);
      }
      for (let tries = 1;; tries++) {
        try {
          await this.#publish(client, queue, pause, signal);
          return pause;
        } catch (error) {
          const resumed = error instanceof WarrenError && error.code === "unroutable";
          if (!resumed || tries === TRIES) throw error;
        }
      }
    });
  }

  /**
   * Ends the pause of a queue, if there is one.
   *
   * @throws {WarrenError} `unavailable` or `refused`, saying why
   */
  async remove(queue: string): Promise<void> {
    await this.#limited(`queue "${queue}" could not be resumed for all runners`, async () => {
      const client = await this.#client();
      if (await this.#anyPause(client)) await this.#delete(client, queue);
    });
  }

  /** Whether a queue is paused now. Rejects where the broker does not say. */
  async look(client: Client, queue: string): Promise<boolean> {
    const { limit = LIMIT } = this.#options;
    const late = () => new WarrenError("unavailable", `the broker does not say whether queue "${queue}" is paused`);
    return await valueWithin(limit, this.#look(client, queue), late);
  }

  /** Why a queue is paused; undefined where that cannot be read now. */
  async read(client: Client, queue: string): Promise<Pause | undefined> {
    return await valueWithin(READ_LIMIT, this.#read(client, queue), () => new Error("late")).catch(() => undefined);
  }

  /** The caller waits this long for the connection. */
  async #client(): Promise<Client> {
    const { connection, limit = LIMIT } = this.#options;
    return await within(Math.min(limit, CONNECT_LIMIT), (signal) => connection.opened(signal));
  }

  async #look(client: Client, queue: string): Promise<boolean> {
    let looking = this.#looking.get(client);
    if (!looking) {
      this.#looking.set(client, looking = this.#anyPause(client));
      looking.catch(() => {}).finally(() => this.#looking.delete(client));
    }
    if (!await looking) return false;
    const name = pausedQueue(queue);
    const found = await this.#find(client, (channel) => channel.queueDeclare(name, { passive: true }));
    return (found?.messageCount ?? 0) > 0;
  }

  async #anyPause(client: Client): Promise<boolean> {
    const look = (channel: AMQPChannel) => channel.exchangeDeclare(PAUSED_EXCHANGE, "direct", { passive: true });
    return await this.#find(client, (channel) => look(channel).then(() => true)) ?? false;
  }

  /** Undefined where it is not there, or the user may not even look. */
  async #find<T>(client: Client, look: (channel: AMQPChannel) => Promise<T>): Promise<T | undefined> {
    const channel = await client.channel();
    channel.onerror = () => {};
    try {
      return await look(channel);
    } catch (error) {
      const code = replyCode(error);
      // What is on a node that is down is said to be not found as well.
      if (code === 404 && !/\bdown\b|inaccessible|stopped/i.test(describeError(error))) return undefined;
      if (code !== 403) throw error;
      this.#warn(error);
      return undefined;
    } finally {
      void closeChannel(channel);
    }
  }

  async #read(client: Client, queue: string): Promise<Pause | undefined> {
    const channel = await client.channel();
    const { promise, resolve, reject } = Promise.withResolvers<AMQPMessage>();
    channel.onerror = (reason) => reject(new Error(reason));
    const limit = setTimeout(() => reject(new Error("late")), READ_LIMIT);
    try {
      await channel.basicQos(1);
      await channel.basicConsume(pausedQueue(queue), { noAck: false }, resolve);
      return pauseIn(await promise);
    } finally {
      clearTimeout(limit);
      // What it got goes back.
      await closeChannel(channel);
    }
  }

  async #publish(client: Client, queue: string, pause: Pause, signal: AbortSignal): Promise<void> {
    const { topology, publisher } = this.#options;
    await topology.declarePause(client, queue, { signal });
    const rest = pause.until === undefined ? undefined : Math.max(pause.until - Date.now(), 1);
    const properties = {
      contentType: "application/json",
      deliveryMode: 2,
      ...(rest === undefined ? {} : { expiration: String(Math.ceil(rest)) }),
    };
    const body = new TextEncoder().encode(JSON.stringify(pause));
    const message = { exchange: PAUSED_EXCHANGE, routingKey: cutToShortString(queue), body, properties };
    const publish = () => publisher.publish(message, { channel: "pauses", signal });
    await Promise.all(Array.from({ length: COPIES }, publish));
  }

  async #delete(client: Client, queue: string): Promise<void> {
    const channel = await client.channel();
    channel.onerror = () => {};
    try {
      await channel.queueDelete(pausedQueue(queue));
    } catch (error) {
      if (replyCode(error) !== 404) throw error;
    } finally {
      void closeChannel(channel);
    }
  }

  async #limited<T>(failed: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { limit = LIMIT } = this.#options;
    const late = () => new WarrenError("unavailable", `the broker did not answer within ${limit / 1000} s`);
    try {
      return await within(limit, (signal) => valueWithin(limit * 1.1, work(signal), late));
    } catch (error) {
      const refused = replyCode(error) !== undefined || (error instanceof WarrenError && error.code === "refused");
      const hint = "to pause or resume it in one runner alone, say --here (?here=true)";
      const text = `${failed}: ${describeError(error)}; ${hint}`;
      throw new WarrenError(refused ? "refused" : "unavailable", text, { cause: error });
    }
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.log.warn(`cannot find out what is paused for all runners: ${describeError(error)}`);
  }
}

/** Anybody may have put something there: it pauses, whatever it says. */
function pauseIn(message: AMQPMessage): Pause {
  try {
    const { by, at, until } = JSON.parse(message.bodyString() ?? "");
    return {
      by: typeof by === "string" ? by.slice(0, 200) : undefined,
      at: isTime(at) ? at : undefined,
      until: isTime(until) ? until : undefined,
    };
  } catch {
    return {};
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}
