import type { AMQPChannel, AMQPConsumer, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../errors.ts";
import { Acks } from "./acks.ts";
import { type Client, replyCode } from "./client.ts";
import { Ahead, HeldBack } from "./scan_limits.ts";
import { ScanPage } from "./scan_page.ts";
import { unlessAborted } from "./unless_aborted.ts";
import { within } from "../within.ts";

export interface ScanOptions {
  /** Takes no more messages out of the queue than this, not even to put them back. */
  most: number;
  /** No more deliveries ahead than this. @default 512, or what 16 MB hold */
  ahead?: number;
  signal?: AbortSignal;
}

/** Milliseconds: nothing came although there was room, so the queue is asked whether there is anything. */
const QUIET = 250;
/** Milliseconds for an answer, and for the last one where it is of no use any more. */
const PATIENCE = 15_000;
const PATIENCE_AT_END = 1_000;

/**
 * Looks through a queue from its head, on a channel of its own. What was held and not acked goes back to its place when
 * the channel closes.
 */
export class Scan implements AsyncDisposable {
  /** Messages in the queue when it began. */
  readonly depth: number;
  looked = 0;
  readonly #queue: string;
  readonly #channel: AMQPChannel;
  readonly #most: number;
  readonly #ahead: Ahead;
  readonly #held = new HeldBack();
  readonly #signal: AbortSignal | undefined;
  readonly #acks: Acks;
  readonly #waiting: AMQPMessage[] = [];
  #stopped: "window" | "signal" | undefined;
  #page: ScanPage | undefined;
  #delivered = 0;
  #lost: WarrenError | undefined;
  #ended = false;
  #closed = false;
  #wake = () => {};
  readonly #onAbort = () => this.#wake();

  private constructor(queue: string, channel: AMQPChannel, depth: number, options: ScanOptions) {
    this.#queue = queue;
    this.#channel = channel;
    this.depth = depth;
    this.#most = Math.min(depth, options.most);
    this.#ahead = new Ahead(options.ahead);
    this.#signal = options.signal;
    this.#acks = new Acks(channel);
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  /** @throws {WarrenError} `missing` when there is no such queue; `unavailable` */
  static async open(client: Client, queue: string, options: ScanOptions): Promise<Scan> {
    try {
      const channel = await answered(client.channel());
      channel.onerror = () => {};
      const { messageCount } = await answered(channel.queueDeclare(queue, { passive: true }));
      return new Scan(queue, channel, messageCount, options);
    } catch (error) {
      if (replyCode(error) !== 404) throw lookError(queue, error);
      const mend = "it has the name of the function's queue, and is there once the function has run";
      throw new WarrenError("missing", `there is no queue "${queue}"; ${mend}`);
    }
  }

  /** Why it ended early. */
  get stopped(): "window" | "signal" | undefined {
    return this.#stopped;
  }

  /** The last one was not wanted any more, because the signal aborted. */
  takeBack(): void {
    this.looked--;
    this.#stopped = "signal";
  }

  /** The next message, to be held or acked; none at the end, and where it had to stop. */
  async next(): Promise<AMQPMessage | undefined> {
    for (;;) {
      if (this.#ended || this.looked >= this.#most) return undefined;
      this.#stopped = this.#signal?.aborted ? "signal" : this.#held.full ? "window" : undefined;
      if (this.#stopped) return undefined;
      const message = this.#waiting.shift();
      if (message) {
        this.looked++;
        return message;
      }
      if (this.#lost) throw this.#lost;
      if (this.#page?.spent(this.#ahead.fitting) ?? true) await this.#turn();
      else if (await this.#quiet() && await this.#empty()) return undefined;
    }
  }

  /** There is no next one any more. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** It was only looked at: it goes back to its place at the end. */
  hold(message: AMQPMessage): void {
    this.#held.add(message);
    this.#page?.hold(message.deliveryTag);
  }

  ack({ deliveryTag }: AMQPMessage): void {
    if (this.#page?.mayAck(deliveryTag) ?? true) this.#acks.ack(deliveryTag);
    this.#wake();
  }

  /** All messages of the queue at once. Gives how many they were. */
  async purge(): Promise<number> {
    const { messageCount } = await this.#call(this.#channel.queuePurge(this.#queue));
    return messageCount;
  }

  /** Resolves once the broker has the acks, and has what was held back in its place. */
  async close(patience = PATIENCE): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.#page && this.#page.late.length > 0) await this.#endPage(patience);
    this.#acks.flush();
    await this.#call(this.#channel.close(), patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(PATIENCE_AT_END).catch(() => {});
  }

  async #turn(): Promise<void> {
    await this.#endPage();
    const left = this.#most - this.#delivered;
    if (this.#waiting.length > 0 || left <= 0) return;
    const ahead = Math.min(this.#ahead.next(), left);
    await this.#call(this.#channel.basicQos(ahead));
    const after = this.#delivered;
    const consuming = this.#channel.basicConsume(this.#queue, { noAck: false }, (message) => this.#deliver(message));
    const consumer = await this.#call(consuming) as AMQPConsumer;
    consumer.wait().catch((error) => {
      this.#lost = lookError(this.#queue, error);
      this.#wake();
    });
    this.#page = new ScanPage(consumer, { ahead, after, most: this.#most });
    this.#page.delivered = this.#delivered - after;
  }

  /** After the broker's answer no more comes. */
  async #endPage(patience = PATIENCE): Promise<void> {
    const page = this.#page;
    if (!page) return;
    await this.#call(page.consumer.cancel(), patience);
    this.#page = undefined;
    for (const tag of page.late) this.#acks.ack(tag);
  }

  #deliver(message: AMQPMessage): void {
    this.#delivered++;
    if (this.#page) this.#page.delivered++;
    this.#acks.delivered(message.deliveryTag);
    this.#ahead.seen(message);
    this.#waiting.push(message);
    this.#wake();
  }

  /** Whether nothing happened for a while, although the broker may deliver. */
  async #quiet(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(false);
    const timer = setTimeout(() => resolve(true), QUIET);
    const quiet = await promise;
    clearTimeout(timer);
    return quiet && this.#page?.hasRoom === true;
  }

  /** Others may have taken what was there at the start. */
  async #empty(): Promise<boolean> {
    await this.#endPage();
    if (this.#waiting.length > 0) return false;
    const message = await this.#call(this.#channel.basicGet(this.#queue, { noAck: false }));
    if (message) this.#deliver(message);
    return !message;
  }

  async #call<T>(call: Promise<T>, patience = PATIENCE): Promise<T> {
    try {
      return await answered(call, patience);
    } catch (error) {
      throw this.#lost ?? lookError(this.#queue, error);
    }
  }
}

async function answered<T>(call: Promise<T>, patience = PATIENCE): Promise<T> {
  call.catch(() => {});
  return await within(patience, (signal) => unlessAborted(call, signal, () => "the broker did not answer in time"));
}

function lookError(queue: string, error: unknown): WarrenError {
  if (error instanceof WarrenError) return error;
  const refused = [403, 404, 405, 406, 530, 540].includes(replyCode(error) ?? 0);
  const text = `cannot look into queue "${queue}": ${describeError(error)}`;
  return new WarrenError(refused ? "refused" : "unavailable", text);
}
