import type { AMQPChannel, AMQPConsumer, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import { Acks } from "../consuming/acks.ts";
import { traitsOf } from "../client/broker_traits.ts";
import { brokerOf, type Client, replyCode } from "../client/client.ts";
import { Ahead, HeldBack } from "./scan_limits.ts";
import { ScanPage } from "./scan_page.ts";
import { ScanRenewal } from "./scan_renewal.ts";
import { unlessAborted } from "../client/unless_aborted.ts";
import { within } from "../../base/time/within.ts";

export interface ScanOptions {
  /** The most messages to take out of the queue, including those that are put back. */
  most: number;
  /** The largest prefetch. @default 512, or as many as fit into 16 MB */
  ahead?: number;
  signal?: AbortSignal;
  /** Resolves once a copy of the message is at the end of the queue. Without it everything returns as it is. */
  copy?(message: AMQPMessage): Promise<void>;
}

/** Milliseconds without a message although there was room. Then the queue is asked whether it is empty. */
const QUIET = 250;
/** Milliseconds for an answer. Also for the last answer when the result is not needed any more. */
const PATIENCE = 15_000;
const PATIENCE_AT_END = 1_000;

/** Limits for what follows the copied messages: milliseconds and messages. */
const ORDERING = 10_000;
const MAX_ORDERED = 10_000;

/**
 * Looks through a queue from its head, on a channel of its own. What was held and not acked goes back to its place at the
 * end, or, where it was returned too often already, is replaced by a copy.
 */
export class Scan implements AsyncDisposable {
  /** The number of messages at the start. */
  readonly depth: number;
  looked = 0;
  readonly #queue: string;
  readonly #channel: AMQPChannel;
  #most: number;
  readonly #ahead: Ahead;
  readonly #held = new HeldBack();
  readonly #signal: AbortSignal | undefined;
  readonly #acks: Acks;
  readonly #nacks: boolean;
  readonly #renewal: ScanRenewal;
  readonly #waiting: AMQPMessage[] = [];
  /** The last delivery tag of each page. */
  readonly #pageEnds: number[] = [];
  #stopped: "window" | "signal" | undefined;
  #page: ScanPage | undefined;
  #pages = 0;
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
    this.#nacks = traitsOf(brokerOf(channel.connection as Client)).forgivesNacks;
    this.#renewal = new ScanRenewal({ copy: options.copy, onCopied: (message) => this.ack(message) });
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  /** @throws {WarrenError} `missing` if the queue does not exist; `unavailable` */
  static async open(client: Client, queue: string, options: ScanOptions): Promise<Scan> {
    try {
      const channel = await answered(client.channel());
      channel.onerror = () => {};
      const { messageCount } = await answered(channel.queueDeclare(queue, { passive: true }));
      return new Scan(queue, channel, messageCount, options);
    } catch (error) {
      if (replyCode(error) !== 404) throw lookError(queue, error);
      const hint = "it has the name of the function's queue, and is there once the function has run";
      throw new WarrenError("missing", `there is no queue "${queue}"; ${hint}`);
    }
  }

  /** Why it ended early. */
  get stopped(): "window" | "signal" | undefined {
    return this.#stopped;
  }

  /** The last message was not needed any more, because the signal aborted. */
  takeBack(message: AMQPMessage): void {
    this.looked--;
    this.#waiting.unshift(message);
    this.#stopped = "signal";
  }

  /** Takes the next message, which must be held or acked. Undefined at the end, and if it had to stop. */
  async next(): Promise<AMQPMessage | undefined> {
    if (this.#ended || this.looked >= this.#most) return undefined;
    const message = await this.#next();
    if (message) this.looked++;
    return message;
  }

  async #next(): Promise<AMQPMessage | undefined> {
    for (;;) {
      if (this.#ended) return undefined;
      this.#stopped = this.#signal?.aborted ? "signal" : this.#held.full ? "window" : undefined;
      if (this.#stopped) return undefined;
      const message = this.#waiting.shift();
      if (message) return message;
      await this.#renewal.room();
      if (this.#lost) throw this.#lost;
      if (this.#page?.spent(this.#ahead.fitting) ?? true) await this.#turn();
      else if (await this.#quiet() && await this.#empty()) return undefined;
    }
  }

  /** There are no more messages. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The message stays in the queue. */
  hold(message: AMQPMessage): void {
    if (this.#renewal.take(message)) return;
    this.#held.add(message);
    this.#page?.hold(message.deliveryTag);
  }

  ack({ deliveryTag }: AMQPMessage): void {
    if (this.#page?.mayAck(deliveryTag) ?? true) this.#acks.ack(deliveryTag);
    this.#wake();
  }

  /** Purges the queue. Returns the number of messages. */
  async purge(): Promise<number> {
    const { messageCount } = await this.#call(this.#channel.queuePurge(this.#queue));
    return messageCount;
  }

  /**
   * Resolves once the broker has the acks, and has what was held back in its place.
   *
   * @throws {WarrenError} `refused` where returns may delete messages soon, and no copies of them could be made
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    const stopped = this.#stopped;
    this.#copyRest();
    if (this.#renewal.begun && this.depth <= MAX_ORDERED) await this.#copyBehind();
    await this.#close(PATIENCE);
    this.#stopped = stopped;
    const { failure } = this.#renewal;
    if (failure !== undefined) throw wornError(this.#queue, failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close(PATIENCE_AT_END).catch(() => {});
    if (!this.#channel.closed) this.#channel.close().catch(() => {});
  }

  async #close(patience: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    await this.#endPage(patience);
    this.#copyRest();
    await this.#call(this.#renewal.settled(), patience);
    this.#acks.flush();
    await this.#call(this.#nackHeld(), patience);
    await this.#call(this.#channel.close(), patience);
  }

  /**
   * A nack is not counted on RabbitMQ from 4.3 on; there a quorum queue keeps the order of what returns together. On other
   * brokers, nacked messages of a quorum queue may go to its end, while those of a closed channel return to its head.
   */
  async #nackHeld(): Promise<void> {
    if (!this.#nacks) return;
    for (const last of this.#acks.lastOutstanding(this.#pageEnds)) await this.#channel.basicNack(last, true, true);
  }

  /** Prefetched messages that were not examined stay too. */
  #copyRest(): void {
    for (const message of this.#waiting.splice(0)) this.#renewal.take(message);
  }

  /** Messages behind the copied ones are copied too, to keep the order. */
  async #copyBehind(): Promise<void> {
    const end = performance.now() + ORDERING;
    this.#most = this.depth;
    this.#ended = false;
    while (this.#renewal.begun && this.#delivered < this.#most && performance.now() < end) {
      const message = await this.#next();
      if (!message) return;
      this.hold(message);
    }
    this.#copyRest();
  }

  async #turn(): Promise<void> {
    await this.#endPage();
    const left = this.#most - this.#delivered;
    if (this.#waiting.length > 0 || left <= 0) return;
    const ahead = Math.min(this.#ahead.next(), left);
    await this.#call(this.#channel.basicQos(ahead));
    const after = this.#delivered;
    // When a channel closes, a quorum queue takes back what each consumer has in the order of their tags.
    const tag = `warren.scan.${String(this.#pages++).padStart(6, "0")}`;
    const consuming = this.#channel.basicConsume(
      this.#queue,
      { tag, noAck: false },
      (message) => this.#deliver(message),
    );
    const consumer = await this.#call(consuming) as AMQPConsumer;
    consumer.wait().catch((error) => {
      this.#lost = lookError(this.#queue, error);
      this.#wake();
    });
    this.#page = new ScanPage(consumer, { ahead, after, most: this.#most });
    this.#page.delivered = this.#delivered - after;
  }

  /** After the broker's answer, no more messages come. */
  async #endPage(patience = PATIENCE): Promise<void> {
    const page = this.#page;
    if (!page) return;
    await this.#call(page.consumer.cancel(), patience);
    this.#page = undefined;
    if (this.#delivered > (this.#pageEnds.at(-1) ?? 0)) this.#pageEnds.push(this.#delivered);
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

  /** Whether nothing came for a while, although there is room. */
  async #quiet(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(false);
    const timer = setTimeout(() => resolve(true), QUIET);
    const quiet = await promise;
    clearTimeout(timer);
    return quiet && this.#page?.hasRoom === true;
  }

  /** Other consumers may have taken messages that existed at the start. */
  async #empty(): Promise<boolean> {
    await this.#endPage();
    if (this.#waiting.length > 0) return false;
    const message = await this.#call(this.#channel.basicGet(this.#queue, { noAck: false }));
    if (!message) return true;
    this.#deliver(message);
    this.#pageEnds.push(message.deliveryTag);
    return false;
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

function wornError(queue: string, error: unknown): WarrenError {
  const policy = `rabbitmqctl set_policy --apply-to queues NAME '^${queue}$' '{"delivery-limit": -1}'`;
  return new WarrenError(
    "refused",
    `messages in queue "${queue}" were returned so often that a delivery limit may delete them, and they could not be ` +
      `replaced by copies: ${describeError(error)}. Do not look again before the queue has no limit: ${policy}`,
  );
}

function lookError(queue: string, error: unknown): WarrenError {
  if (error instanceof WarrenError) return error;
  const refused = [403, 404, 405, 406, 530, 540].includes(replyCode(error) ?? 0);
  const text = `cannot look into queue "${queue}": ${describeError(error)}`;
  return new WarrenError(refused ? "refused" : "unavailable", text);
}
