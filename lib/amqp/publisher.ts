import type { AMQPChannel, AMQPProperties } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../errors.ts";
import { type Client, replyCode } from "./client.ts";
import type { Connection } from "./connection.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** A message on its way to the broker. */
export interface OutgoingMessage {
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: AMQPProperties;
}

export interface PublishOptions {
  /** Gives up waiting for the connection, for the broker or for its confirm. */
  signal?: AbortSignal;
  /** Whether it is an error when no queue takes it. @default true */
  mandatory?: boolean;
  /** An error closes a channel with all that is on its way on it: each user of its own has one. @default "default" */
  channel?: string;
}

/** Publishes that wait for their confirm on one channel. */
export const WINDOW = 256;
/** Bytes of their bodies; one body is let through whatever its size. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** One confirm channel and what is on its way on it. */
interface ConfirmChannel {
  readonly channel: AMQPChannel;
  readonly outgoing: Set<Outgoing>;
  /** Of their bodies. */
  bytes: number;
}

interface Outgoing {
  readonly message: OutgoingMessage;
  returned: string | undefined;
}

/** Publishes with confirms, mandatory: a resolved `publish()` means that a queue has the message. */
export class Publisher {
  readonly #connection: Connection;
  readonly #channels = new Map<string, { client: Client; opening: Promise<ConfirmChannel> }>();
  readonly #queues = new Map<string, (() => void)[]>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * @throws {WarrenError} `unroutable` when no queue takes it; `refused` when the broker says no;
   * `unavailable` when there is no connection, it was lost before the confirm (the message may
   * have arrived), or the signal aborted
   */
  async publish(message: OutgoingMessage, options: PublishOptions = {}): Promise<void> {
    const { signal, channel: name = "default", mandatory = true } = options;
    await this.#connection.opened(signal);
    await this.#connection.unblocked(signal);
    const confirm = await this.#channel(name, signal);
    while (isFull(confirm)) await this.#room(name);
    const outgoing: Outgoing = { message, returned: undefined };
    confirm.outgoing.add(outgoing);
    confirm.bytes += message.body.length;
    // Many small ones may fit where one large one was.
    if (!isFull(confirm)) this.#next(name);
    try {
      await unlessAborted(
        this.#send(confirm, message, mandatory),
        signal,
        () => "the broker did not confirm the message in time",
      );
    } catch (error) {
      throw publishError(message, error, confirm.channel.closed);
    } finally {
      confirm.outgoing.delete(outgoing);
      confirm.bytes -= message.body.length;
      this.#next(name);
    }
    if (outgoing.returned) {
      throw new WarrenError("unroutable", `no queue takes messages for ${target(message)}: ${outgoing.returned}`);
    }
  }

  async #send({ channel }: ConfirmChannel, message: OutgoingMessage, mandatory: boolean): Promise<void> {
    const { exchange, routingKey, body, properties } = message;
    await channel.basicPublish(exchange, routingKey, body, properties, mandatory);
  }

  /** Lets the next one that waits for room look again. */
  #next(name: string): void {
    this.#queues.get(name)?.shift()?.();
  }

  #room(name: string): Promise<void> {
    const waiting = this.#queues.get(name) ?? [];
    this.#queues.set(name, waiting);
    return new Promise((resolve) => waiting.push(resolve));
  }

  async #channel(name: string, signal: AbortSignal | undefined): Promise<ConfirmChannel> {
    const client = await this.#connection.opened(signal);
    const known = this.#channels.get(name);
    if (known?.client === client) {
      const confirm = await known.opening;
      if (!confirm.channel.closed) return confirm;
      if (this.#channels.get(name) === known) this.#channels.delete(name);
      return await this.#channel(name, signal);
    }
    const entry = { client, opening: this.#open(client) };
    this.#channels.set(name, entry);
    entry.opening.catch(() => {
      if (this.#channels.get(name) === entry) this.#channels.delete(name);
    });
    return await entry.opening;
  }

  async #open(client: Client): Promise<ConfirmChannel> {
    try {
      const channel = await client.channel();
      const confirm: ConfirmChannel = { channel, outgoing: new Set(), bytes: 0 };
      channel.onerror = () => {};
      channel.onReturn = ({ exchange, routingKey, replyText, replyCode }) => {
        // A return has no number. All it could be are taken for it: one too many comes twice, none is lost.
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

function isFull({ outgoing, bytes }: ConfirmChannel): boolean {
  return outgoing.size >= WINDOW || bytes >= WINDOW_BYTES;
}

function target({ exchange, routingKey }: OutgoingMessage): string {
  return exchange ? `exchange "${exchange}" with routing key "${routingKey}"` : `queue "${routingKey}"`;
}

/** What the client says of a broker that takes nothing now, while the channel is well. */
const FOR_NOW = /rejected|blocked|closed/i;

function publishError(message: OutgoingMessage, error: unknown, closed: boolean): WarrenError {
  if (error instanceof WarrenError) return error;
  const code = replyCode(error);
  // A message that cannot be encoded fails while its channel lives, and would fail again.
  const impossible = !closed && code === undefined && !FOR_NOW.test(describeError(error));
  const refused = impossible || (code !== undefined && [403, 404, 406, 311].includes(code));
  const text = `cannot publish to ${target(message)}: ${describeError(error)}`;
  return new WarrenError(refused || error instanceof RangeError ? "refused" : "unavailable", text.slice(0, 1_000));
}
