import { WarrenError } from "../../base/errors.ts";
import type { Client } from "../client/client.ts";
import type { Connection } from "../client/connection.ts";
import { unlessAborted, whenAborted } from "../client/unless_aborted.ts";
import {
  type ConfirmChannel,
  type ConfirmChannelOptions,
  openConfirmChannel,
  type PublishSink,
} from "./confirms/confirm_channel.ts";
import type { OutgoingMessage } from "./confirms/outgoing_message.ts";

export interface PublishOptions {
  /** Stops waiting for the connection, for the broker or for the confirm. */
  signal?: AbortSignal;
  /** Whether it is an error if no queue takes it. @default true */
  mandatory?: boolean;
  /** A channel error fails everything in flight on it, so each user has its own channel. @default "default" */
  channel?: string;
}

export type PublisherOptions = Pick<ConfirmChannelOptions, "window" | "patience">;

const DEFAULT = "default";
const LATE_CONFIRM = "the broker did not confirm the message in time";
const LATE_CHANNEL = "the broker did not open a channel to publish on in time";

/** The channel of one name, and its client. */
interface Lane {
  readonly client: Client;
  readonly opening: Promise<ConfirmChannel>;
  /** Set once it is open. */
  confirm: ConfirmChannel | undefined;
}

/** The parts of a connection that a publisher uses. */
type Connected = Pick<Connection, "opened" | "unblocked" | "ready">;

/** Publishes with confirms, as mandatory. A resolved `publish()` means that a queue has the message. */
export class Publisher {
  readonly #connection: Connected;
  readonly #options: PublisherOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #queues = new Map<string, (() => void)[]>();
  /** The number of waiting publishes per name. Later ones queue behind them. */
  readonly #late = new Map<string, number>();

  constructor(connection: Connected, options: PublisherOptions = {}) {
    this.#connection = connection;
    this.#options = options;
  }

  /**
   * @throws {WarrenError} `unroutable` when no queue takes it; `refused` when the broker says no;
   * `unavailable` when there is no connection, it was lost before the confirm (the message may
   * have arrived), or the signal aborted
   */
  publish(message: OutgoingMessage, options: PublishOptions = {}): Promise<void> {
    const confirm = this.#ready(options);
    return confirm ? this.#send(confirm, message, options) : this.#sendSoon(message, options);
  }

  /**
   * Publishes where nothing has to be waited for but the confirm, and tells the sink once, later: for thousands a second.
   * False where something is to be waited for, as `publish()` does; nothing was sent then.
   *
   * @throws {WarrenError} `refused` where the message cannot be encoded
   */
  send(message: OutgoingMessage, options: Omit<PublishOptions, "signal">, sink: PublishSink): boolean {
    const confirm = this.#ready(options);
    if (!confirm) return false;
    confirm.send(message, options.mandatory ?? true, sink);
    return true;
  }

  /** The channel, if the message can be sent at once, which is the usual case. */
  #ready({ signal, channel: name = DEFAULT }: PublishOptions): ConfirmChannel | undefined {
    const { ready } = this.#connection;
    const lane = this.#lanes.get(name);
    if (!ready || lane?.client !== ready || signal?.aborted || this.#late.get(name)) return undefined;
    const { confirm } = lane;
    return confirm && !confirm.closed && !confirm.full ? confirm : undefined;
  }

  /** Waits for room on a channel and sends in the same turn. Sends nothing for a caller that has given up. */
  async #sendSoon(message: OutgoingMessage, options: PublishOptions): Promise<void> {
    const { signal, channel: name = DEFAULT } = options;
    let sent: Promise<void>;
    this.#count(name, 1);
    try {
      for (;;) {
        await this.#connection.opened(signal);
        await this.#connection.unblocked(signal);
        const confirm = await this.#channel(name, signal);
        if (signal?.aborted) throw new WarrenError("unavailable", "the message was not sent in time: it had to wait");
        if (!confirm.full) {
          sent = this.#send(confirm, message, options);
          break;
        }
        await this.#room(name, signal);
      }
    } catch (error) {
      // It may have been woken instead of another one.
      this.#next(name);
      throw error;
    } finally {
      this.#count(name, -1);
    }
    await sent;
  }

  #count(name: string, late: 1 | -1): void {
    this.#late.set(name, (this.#late.get(name) ?? 0) + late);
  }

  #send(confirm: ConfirmChannel, message: OutgoingMessage, options: PublishOptions): Promise<void> {
    const { signal, mandatory = true, channel: name = DEFAULT } = options;
    return new Promise((resolve, reject) => {
      const published = (_message: OutgoingMessage, error: WarrenError | undefined) => {
        forget?.();
        if (error) reject(error);
        else resolve();
      };
      const giveUp = confirm.publish(message, mandatory, { published });
      // Many small ones may fit where one large one was.
      if (!confirm.full) this.#next(name);
      const forget = signal && whenAborted(signal, () => {
        giveUp();
        reject(new WarrenError("unavailable", LATE_CONFIRM));
      });
    });
  }

  /** Lets the next waiting publish check for room. */
  #next(name: string): void {
    this.#queues.get(name)?.shift()?.();
  }

  /** Waits until there may be room, or the signal aborts. */
  async #room(name: string, signal: AbortSignal | undefined): Promise<void> {
    const waiting = this.#queues.get(name) ?? [];
    this.#queues.set(name, waiting);
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    const forget = signal && whenAborted(signal, resolve);
    await promise;
    forget?.();
    const at = waiting.indexOf(resolve);
    if (at >= 0) waiting.splice(at, 1);
  }

  async #channel(name: string, signal: AbortSignal | undefined): Promise<ConfirmChannel> {
    const client = await this.#connection.opened(signal);
    const known = this.#lanes.get(name);
    if (known?.client === client) {
      const confirm = await unlessAborted(known.opening, signal, () => LATE_CHANNEL);
      if (!confirm.closed) return confirm;
      if (this.#lanes.get(name) === known) this.#lanes.delete(name);
      return await this.#channel(name, signal);
    }
    const lane: Lane = { client, opening: this.#open(client, name), confirm: undefined };
    this.#lanes.set(name, lane);
    lane.opening.then((confirm) => lane.confirm = confirm, () => {
      if (this.#lanes.get(name) === lane) this.#lanes.delete(name);
    });
    return await unlessAborted(lane.opening, signal, () => LATE_CHANNEL);
  }

  #open(client: Client, name: string): Promise<ConfirmChannel> {
    return openConfirmChannel(client, { ...this.#options, onRoom: () => this.#next(name) });
  }
}
