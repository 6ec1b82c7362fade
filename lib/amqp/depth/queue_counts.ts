import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { describeError, WarrenError } from "../../base/errors.ts";
import { valueWithin } from "../../base/time/within.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

/** What a passive declare tells of a queue. */
export interface QueueCount {
  /** Messages that are ready. */
  readonly ready: number;
  readonly consumers: number;
}

/** A queue that is there, one that is not, or why the broker does not say. */
export type QueueAnswer = QueueCount | "missing" | WarrenError;

export interface CountOptions {
  /** Questions at the same time, each on a channel of its own. @default 16 */
  sideBySide?: number;
  /** Milliseconds for each answer. A queue whose node is down may have none. @default 3_000 */
  patience?: number;
  /** Nothing more is asked once it aborts. */
  signal?: AbortSignal;
}

const SIDE_BY_SIDE = 16;
const PATIENCE = 3_000;

/**
 * Asks the broker how many messages each queue has ready, and how many consumers, by passive declares: nothing is taken
 * and nothing is created. One queue without an answer keeps nothing from the others.
 *
 * @throws {WarrenError} `unavailable` if the connection is lost
 */
export async function countQueues(
  client: Client,
  names: Iterable<string>,
  options: CountOptions = {},
): Promise<Map<string, QueueAnswer>> {
  const waiting = [...new Set(names)];
  const answers = new Map<string, QueueAnswer>();
  const lanes = Math.min(options.sideBySide ?? SIDE_BY_SIDE, waiting.length);
  const next = () => options.signal?.aborted ? undefined : waiting.pop();
  await Promise.all(Array.from({ length: lanes }, () => new Lane(client, options).ask(next, answers)));
  return answers;
}

/**
 * The same for one queue; undefined if it does not exist.
 *
 * @throws {WarrenError} `unavailable` or `refused`
 */
export async function countQueue(
  client: Client,
  name: string,
  options: CountOptions = {},
): Promise<QueueCount | undefined> {
  const answer = (await countQueues(client, [name], options)).get(name);
  if (answer instanceof WarrenError) throw answer;
  return answer === "missing" ? undefined : answer;
}

/** One channel, and another after a refusal, which closes it. */
class Lane {
  readonly #client: Client;
  readonly #patience: number;
  #channel: AMQPChannel | undefined;

  constructor(client: Client, { patience = PATIENCE }: CountOptions) {
    this.#client = client;
    this.#patience = patience;
  }

  async ask(next: () => string | undefined, answers: Map<string, QueueAnswer>): Promise<void> {
    for (let name = next(); name !== undefined; name = next()) answers.set(name, await this.#count(name));
    if (this.#channel) await closeChannel(this.#channel, this.#patience);
  }

  async #count(name: string): Promise<QueueAnswer> {
    try {
      const channel = await this.#within(this.#open());
      const { messageCount, consumerCount } = await this.#within(channel.queueDeclare(name, { passive: true }));
      return { ready: messageCount, consumers: consumerCount };
    } catch (error) {
      if (this.#client.closed) {
        throw new WarrenError("unavailable", `the connection was lost while queues were counted: ${text(error)}`);
      }
      const code = replyCode(error);
      // A queue of a node that is down is said to be not found as well.
      if (code === 404 && !/\bdown\b|inaccessible|stopped/i.test(text(error))) return "missing";
      const refused = code === 403 || code === 405;
      return new WarrenError(refused ? "refused" : "unavailable", `cannot count queue "${name}": ${text(error)}`);
    }
  }

  async #open(): Promise<AMQPChannel> {
    if (this.#channel && !this.#channel.closed) return this.#channel;
    const channel = await this.#client.channel();
    channel.onerror = () => {};
    return this.#channel = channel;
  }

  /** A channel that owes an answer is left alone: the next question would have to wait behind that answer. */
  async #within<T>(answer: Promise<T>): Promise<T> {
    answer.catch(() => {});
    return await valueWithin(this.#patience, answer, () => {
      const late = this.#channel;
      this.#channel = undefined;
      late?.close().catch(() => {});
      return new Error(`the broker did not answer within ${this.#patience / 1000} s`);
    });
  }
}

function text(error: unknown): string {
  return describeError(error);
}
