import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { NumberMap } from "../../../base/number_map.ts";
import { describeError, WarrenError } from "../../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { SENT } from "../../client/coalesce_writes.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import { publishError, unroutable } from "./publish_error.ts";
import { PublishFrames } from "./publish_frames.ts";

/** Publishes that wait for their confirm on one channel. */
export const WINDOW = 256;
/** Bytes of their bodies; one body is let through whatever its size. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const LATE = "the broker did not confirm the message in time";

export interface ConfirmChannelOptions {
  /** Publishes that wait for their confirm. @default 256 */
  window?: number;
  /** Milliseconds that `sent` messages wait for their confirm, and up to a third more. @default 30_000 */
  patience?: number;
  /** There may be room for another one. */
  onRoom(): void;
}

/** The publisher of a message. */
export interface PublishSink {
  /** Called once, with what went wrong, or with no error once a queue has the message. */
  published(message: OutgoingMessage, error: WarrenError | undefined): void;
}

/** What the client's channel has but does not show. */
interface Internals {
  publishConfirmed(tag: number, multiple: boolean, nack: boolean): void;
  setClosed(error?: Error): void;
}

/** One buffer for all publishes of a connection. */
const frames = new WeakMap<Client, PublishFrames>();

/**
 * A channel in confirm mode that publishes without the client: its frames are encoded here, and one confirm of the broker
 * ends all that it is for by calling back. So a message costs an object, and no promise.
 */
export class ConfirmChannel {
  readonly #client: Client;
  readonly #channel: AMQPChannel;
  readonly #frames: PublishFrames;
  readonly #options: ConfirmChannelOptions;
  readonly #third: number;
  /** What is on its way, by its number, which rises. */
  readonly #outgoing = new NumberMap<Outgoing>();
  /** Everything before this number is settled. */
  #first = 1;
  #last = 0;
  #bytes = 0;
  /** Grows with each third of the patience. */
  #age = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(client: Client, channel: AMQPChannel, options: ConfirmChannelOptions) {
    this.#client = client;
    this.#channel = channel;
    this.#options = options;
    this.#third = (options.patience ?? 30_000) / 3;
    this.#frames = frames.get(client) ?? new PublishFrames(client.frameMax);
    frames.set(client, this.#frames);
  }

  static async open(client: Client, options: ConfirmChannelOptions): Promise<ConfirmChannel> {
    const channel = await client.channel();
    const opened = new ConfirmChannel(client, channel, options);
    opened.#listen();
    await channel.confirmSelect();
    return opened;
  }

  get closed(): boolean {
    return this.#channel.closed;
  }

  /** Whether another publish has to wait. */
  get full(): boolean {
    return this.#outgoing.size >= (this.#options.window ?? WINDOW) || this.#bytes >= WINDOW_BYTES;
  }

  /**
   * Publishes a message that somebody waits for without a limit, or gives up by himself. What is returned ends that: then
   * `sink` is not called any more, and the message has its place until the broker has settled it.
   *
   * @throws {WarrenError} where nothing was sent: `refused` where it cannot be encoded, `unavailable`
   */
  publish(message: OutgoingMessage, mandatory: boolean, sink: PublishSink): () => void {
    const outgoing = this.#send(message, mandatory, sink, Infinity);
    return () => outgoing.forget();
  }

  /**
   * Publishes a message that waits for its confirm no longer than the channel's patience.
   *
   * @throws {WarrenError} as `publish()`
   */
  send(message: OutgoingMessage, mandatory: boolean, sink: PublishSink): void {
    this.#send(message, mandatory, sink, this.#age);
    this.#timer ??= this.#nextThird();
  }

  #send(message: OutgoingMessage, mandatory: boolean, sink: PublishSink, age: number): Outgoing {
    const outgoing = new Outgoing(message, sink, age);
    const { blocked } = this.#client;
    try {
      if (this.closed) throw new Error("Channel is closed");
      if (blocked) throw new Error(`Connection blocked by server: ${blocked}`);
      const sent = this.#client.send(this.#frames.encode(this.#channel.id, message, mandatory));
      if (sent !== SENT) sent.catch((error) => outgoing.end(publishError(message, error, true)));
    } catch (error) {
      throw publishError(message, error, this.closed);
    }
    this.#outgoing.set(++this.#last, outgoing);
    this.#bytes += message.body.length;
    return outgoing;
  }

  #listen(): void {
    const channel = this.#channel as AMQPChannel & Internals;
    channel.onerror = () => {};
    channel.onReturn = ({ exchange, routingKey, replyText, replyCode }) => {
      // A return has no number. All it could be are taken for it: one too many comes twice, none is lost.
      for (const outgoing of this.#outgoing.values()) {
        const { message } = outgoing;
        if (message.exchange === exchange && message.routingKey === routingKey) {
          outgoing.returned = `${replyText} (${replyCode})`;
        }
      }
    };
    channel.publishConfirmed = (tag, multiple, nack) => {
      if (multiple) this.#settleUpTo(tag, nack);
      else this.#settle(tag, nack);
      this.#options.onRoom();
    };
    const { setClosed } = channel;
    channel.setClosed = (error) => {
      setClosed.call(channel, error);
      this.lose(error);
    };
  }

  /** Who is called back may publish at once: that is not meant. */
  #settleUpTo(tag: number, nack: boolean): void {
    const last = tag === 0 ? this.#last : Math.min(tag, this.#last);
    for (let number = this.#first; number <= last; number++) this.#settle(number, nack);
    this.#first = last + 1;
  }

  #settle(tag: number, nack: boolean): void {
    const outgoing = this.#outgoing.get(tag);
    if (!outgoing) return;
    this.#outgoing.delete(tag);
    const { message, returned } = outgoing;
    this.#bytes -= message.body.length;
    if (nack) outgoing.end(publishError(message, new Error("Message rejected"), this.closed));
    else outgoing.end(returned === undefined ? undefined : unroutable(message, returned));
  }

  /** Ends all that is on its way: nothing more is heard of it. */
  lose(error = new Error("Connection closed by client")): void {
    clearTimeout(this.#timer);
    const lost = this.#outgoing.values();
    this.#outgoing.clear();
    this.#bytes = 0;
    for (const outgoing of lost) outgoing.end(publishError(outgoing.message, error, true));
    this.#options.onRoom();
  }

  /** As with `AbortSignal.timeout()`, a limit alone keeps no process alive. */
  #nextThird(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#look(), this.#third);
    Deno.unrefTimer(timer);
    return timer;
  }

  /** Ends what has waited too long. It keeps its place until the broker has settled it: it is on its way. */
  #look(): void {
    this.#age++;
    let waiting = false;
    for (const outgoing of this.#outgoing.values()) {
      if (outgoing.age === Infinity || outgoing.ended) continue;
      if (outgoing.age + 3 < this.#age) outgoing.end(new WarrenError("unavailable", LATE));
      else waiting = true;
    }
    this.#timer = waiting ? this.#nextThird() : undefined;
  }
}

/** One message on its way. */
class Outgoing {
  readonly message: OutgoingMessage;
  /** When it was sent, in thirds of the patience. */
  readonly age: number;
  /** What the broker said of it when it gave it back. */
  returned: string | undefined;
  #sink: PublishSink | undefined;

  constructor(message: OutgoingMessage, sink: PublishSink, age: number) {
    this.message = message;
    this.age = age;
    this.returned = undefined;
    this.#sink = sink;
  }

  get ended(): boolean {
    return this.#sink === undefined;
  }

  forget(): void {
    this.#sink = undefined;
  }

  end(error: WarrenError | undefined): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.published(this.message, error);
  }
}

/** @throws {WarrenError} `unavailable` */
export async function openConfirmChannel(client: Client, options: ConfirmChannelOptions): Promise<ConfirmChannel> {
  try {
    return await ConfirmChannel.open(client, options);
  } catch (error) {
    throw new WarrenError("unavailable", `cannot open a channel to publish on: ${describeError(error)}`);
  }
}
