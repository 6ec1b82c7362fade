import type { AMQPChannel, AMQPProperties } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import { type Client, replyCode } from "../client/client.ts";
import type { Connection } from "../client/connection.ts";
import { unlessAborted, whenAborted } from "../client/unless_aborted.ts";

/** A message to publish. */
export interface OutgoingMessage {
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: AMQPProperties;
}

export interface PublishOptions {
  /** Stops waiting for the connection, for the broker or for the confirm. */
  signal?: AbortSignal;
  /** Whether it is an error if no queue takes it. @default true */
  mandatory?: boolean;
  /** A channel error fails everything in flight on it, so each user has its own channel. @default "default" */
  channel?: string;
}

/** The most unconfirmed publishes on one channel. */
export const WINDOW = 256;
/** The most bytes of their bodies. A single larger body is let through. */
const WINDOW_BYTES = 8 * 1024 * 1024;

export interface PublisherOptions {
  /** The most unconfirmed publishes on one channel. @default 256 */
  window?: number;
}

const DEFAULT = "default";
const LATE_CONFIRM = "the broker did not confirm the message in time";
const LATE_CHANNEL = "the broker did not open a channel to publish on in time";

/** A confirm channel and what is in flight on it. */
interface ConfirmChannel {
  readonly channel: AMQPChannel;
  readonly outgoing: Set<Outgoing>;
  /** Bytes of their bodies. */
  bytes: number;
}

interface Outgoing {
  readonly message: OutgoingMessage;
  returned: string | undefined;
}

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
  readonly #window: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #queues = new Map<string, (() => void)[]>();
  /** The number of waiting publishes per name. Later ones queue behind them. */
  readonly #late = new Map<string, number>();

  constructor(connection: Connected, options: PublisherOptions = {}) {
    this.#connection = connection;
    this.#window = options.window ?? WINDOW;
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

  /** The channel, if the message can be sent at once, which is the usual case. */
  #ready({ signal, channel: name = DEFAULT }: PublishOptions): ConfirmChannel | undefined {
    const { ready } = this.#connection;
    const lane = this.#lanes.get(name);
    if (!ready || lane?.client !== ready || signal?.aborted || this.#late.get(name)) return undefined;
    const { confirm } = lane;
    return confirm && !confirm.channel.closed && !this.#isFull(confirm) ? confirm : undefined;
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
        if (!this.#isFull(confirm)) {
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
    const outgoing: Outgoing = { message, returned: undefined };
    const { exchange, routingKey, body, properties } = message;
    confirm.outgoing.add(outgoing);
    confirm.bytes += body.length;
    const sent = confirm.channel.basicPublish(exchange, routingKey, body, properties, mandatory);
    // Many small messages may fit where a large one was.
    if (!this.#isFull(confirm)) this.#next(name);
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(publishError(message, error, confirm.channel.closed));
      const forget = signal && whenAborted(signal, () => fail(new WarrenError("unavailable", LATE_CONFIRM)));
      // It occupies its place until the broker settles it, even if the caller has given up.
      const settled = () => {
        forget?.();
        confirm.outgoing.delete(outgoing);
        confirm.bytes -= body.length;
        this.#next(name);
      };
      sent.then(() => {
        settled();
        if (outgoing.returned === undefined) resolve();
        else reject(unroutable(message, outgoing.returned));
      }, (error) => {
        settled();
        fail(error);
      });
    });
  }

  #isFull({ outgoing, bytes }: ConfirmChannel): boolean {
    return outgoing.size >= this.#window || bytes >= WINDOW_BYTES;
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
      if (!confirm.channel.closed) return confirm;
      if (this.#lanes.get(name) === known) this.#lanes.delete(name);
      return await this.#channel(name, signal);
    }
    const lane: Lane = { client, opening: this.#open(client), confirm: undefined };
    this.#lanes.set(name, lane);
    lane.opening.then((confirm) => lane.confirm = confirm, () => {
      if (this.#lanes.get(name) === lane) this.#lanes.delete(name);
    });
    return await unlessAborted(lane.opening, signal, () => LATE_CHANNEL);
  }

  async #open(client: Client): Promise<ConfirmChannel> {
    try {
      const channel = await client.channel();
      const confirm: ConfirmChannel = { channel, outgoing: new Set(), bytes: 0 };
      channel.onerror = () => {};
      channel.onReturn = ({ exchange, routingKey, replyText, replyCode }) => {
        // Returns carry no number, so all candidates count as returned: duplicates are possible, losses are not.
        for (const outgoing of confirm.outgoing) {
          const { message } = outgoing;
          if (message.exchange === exchange && message.routingKey === routingKey) {
            outgoing.returned = `${replyText} (${replyCode})`;
          }
        }
      };
      await channel.confirmSelect();
      return confirm;
    } catch (error) {
      throw new WarrenError("unavailable", `cannot open a channel to publish on: ${describeError(error)}`);
    }
  }
}

function unroutable(message: OutgoingMessage, why: string): WarrenError {
  return new WarrenError("unroutable", `${untaken(message)}: ${why}`);
}

function target({ exchange, routingKey }: OutgoingMessage): string {
  return exchange ? `exchange "${exchange}" with routing key "${routingKey}"` : `queue "${routingKey}"`;
}

function untaken(message: OutgoingMessage): string {
  return message.exchange ? `no queue takes messages for ${target(message)}` : `there is no ${target(message)}`;
}

/** What the client reports if the broker takes nothing now, although the channel works. */
const FOR_NOW = /rejected|blocked/i;

/**
 * Why a publish failed: its channel is `closed`, the broker takes it not `now`, or it is `impossible`: it cannot be
 * encoded, and would fail again.
 */
export function publishFailure(error: unknown): "closed" | "now" | "impossible" {
  const text = describeError(error);
  if (FOR_NOW.test(text)) return "now";
  return replyCode(error) !== undefined || /closed|disconnect/i.test(text) ? "closed" : "impossible";
}

function publishError(message: OutgoingMessage, error: unknown, closed: boolean): WarrenError {
  if (error instanceof WarrenError) return error;
  const code = replyCode(error);
  const impossible = !closed && publishFailure(error) === "impossible";
  const refused = impossible || (code !== undefined && [403, 404, 406, 311].includes(code));
  const text = `cannot publish to ${target(message)}: ${describeError(error)}`;
  return new WarrenError(refused || error instanceof RangeError ? "refused" : "unavailable", text.slice(0, 1_000));
}
