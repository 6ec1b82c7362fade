import { createHash } from "node:crypto";
import type { AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { within } from "../../base/time/within.ts";
import { Acks } from "../consuming/acks.ts";
import { traitsOf } from "../client/broker_traits.ts";
import { brokerOf, type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";
import type { Trial } from "../consuming/consumer.ts";
import { bodyOf } from "./dead_letter_lane.ts";
import { deliveryCount } from "../message/headers.ts";
import { consumerTag, trialQueue } from "../message/names.ts";
import { ownShape } from "../topology/queue_shapes.ts";
import { type TrialNote, Trials } from "./trials.ts";
import { unlessAborted, whenAborted } from "../client/unless_aborted.ts";

/** Milliseconds for reading notes, and for the confirm of one, so that no message is delayed for longer. */
const PATIENCE = 5_000;
/** Milliseconds without a consumer after which the broker deletes the queue. */
const EXPIRES = 24 * 3_600_000;

export interface TrialQueueOptions {
  definition: Parameters<typeof consumerTag>[0] & { readonly queue: { readonly name: string } };
  /** The partition. */
  index: number;
  log: Logger;
}

/**
 * Whether a message may be what ends its runners: it came back twice, as far as its queue counts that, and else once. One
 * return is an accident that befalls every neighbour.
 */
export function mayEndRunners(message: AMQPMessage): boolean {
  return message.redelivered && deliveryCount(message) !== 1;
}

/** The trials of one partition, on a channel of their own, while this runner owns the partition. */
export class TrialQueue {
  readonly #channel: AMQPChannel;
  readonly #acks: Acks;
  readonly #trials: Trials;
  readonly #queue: string;
  readonly #log: Logger;

  private constructor(channel: AMQPChannel, queue: string, log: Logger) {
    this.#channel = channel;
    this.#acks = new Acks(channel);
    this.#queue = queue;
    this.#log = log;
    this.#trials = new Trials({
      publish: (note) => publishNote(channel, queue, note),
      ack: (tag) => this.#acks.ack(tag),
    });
  }

  /** Undefined, with a log line, if there can be none. Messages then run without trials. */
  static async open(client: Client, { definition, index, log }: TrialQueueOptions): Promise<TrialQueue | undefined> {
    const name = trialQueue(definition.queue.name, index);
    try {
      return await withinPatience((signal) =>
        TrialQueue.#open(client, name, { tag: consumerTag(definition), log, signal })
      );
    } catch (error) {
      if (!client.closed) {
        log.warn(`a message that ends its runners cannot be found out: queue "${name}": ${describeError(error)}`);
      }
      return undefined;
    }
  }

  static async #open(
    client: Client,
    name: string,
    { tag, log, signal }: { tag: string; log: Logger; signal: AbortSignal },
  ): Promise<TrialQueue> {
    const channel = await declared(client, name);
    // A result that comes too late is released.
    const keep = whenAborted(signal, () => void channel.close().catch(() => {}));
    const opened = new TrialQueue(channel, name, log);
    await channel.confirmSelect();
    // Only one runner gets notes at a time, and the previous one may still be closing.
    await channel.basicConsume(name, { tag, noAck: false }, (message) => {
      opened.#acks.delivered(message.deliveryTag);
      opened.#trials.receive(noteIn(message), message.deliveryTag);
    });
    await opened.#trials.read();
    keep();
    return opened;
  }

  /** What is known about a message, and its further trials. */
  of(message: AMQPMessage): Trial & { clear(): void } {
    const [trials, name] = [this.#trials, nameOf(message)];
    return {
      get deaths() {
        return trials.deaths(name);
      },
      begin: () => this.#begin(name),
      end: () => trials.end(name),
      clear: () => trials.clear(name),
    };
  }

  /**
   * Returns the trials that may look like deaths because the channel is gone. This runner must report that it lives.
   */
  async close(): Promise<string[]> {
    if (this.#channel.closed || this.#channel.connection.closed) return this.#trials.uncertain;
    for (const message of this.#trials.running) this.#trials.end(message);
    // A note that is still in transit would look like a death to its next reader.
    if (this.#trials.pending) await withinPatience(() => this.#trials.read()).catch(() => {});
    this.#acks.flush();
    await closeChannel(this.#channel, 1_000);
    return [];
  }

  async #begin(message: string): Promise<void> {
    if (this.#channel.closed) return;
    try {
      await withinPatience(() => this.#trials.begin(message));
    } catch (error) {
      if (!this.#channel.closed) {
        this.#log.warn(`a message runs although queue "${this.#queue}" did not take its name: ${describeError(error)}`);
      }
    }
  }
}

/** Reports that the runner of these trials lives. */
export async function tellLived(client: Client, queue: string, trials: readonly string[]): Promise<void> {
  const channel = await client.channel();
  channel.onerror = () => {};
  await channel.confirmSelect();
  await withinPatience(() => publishNote(channel, queue, { lived: trials }));
  await channel.close();
}

async function declared(client: Client, name: string): Promise<AMQPChannel> {
  const { queue } = ownShape(name, traitsOf(brokerOf(client)), { single: true });
  const args = { ...queue.arguments, "x-expires": EXPIRES };
  const channel = await client.channel();
  channel.onerror = () => {};
  try {
    await channel.queueDeclare(name, { durable: true, autoDelete: false }, args);
    return channel;
  } catch (error) {
    // It exists with other arguments, or was declared by somebody else because this user may not.
    if (![403, 406].includes(replyCode(error) ?? 0)) throw error;
  }
  const other = await client.channel();
  other.onerror = () => {};
  await other.queueDeclare(name, { passive: true });
  return other;
}

async function publishNote(channel: AMQPChannel, queue: string, note: TrialNote): Promise<void> {
  await channel.basicPublish("", queue, JSON.stringify(note), { deliveryMode: 2, contentType: "application/json" });
}

/** Undefined for a message from another program. */
function noteIn(message: AMQPMessage): TrialNote | undefined {
  try {
    const note = JSON.parse(message.bodyString() ?? "");
    const known = typeof note.mark === "string" || Array.isArray(note.lived) ||
      (typeof note.trial === "string" && typeof note.message === "string");
    return known ? note : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Identifies a message across deliveries. Identical messages share it; they have the same key, so they never overlap.
 */
function nameOf(message: AMQPMessage): string {
  const { messageId, timestamp, headers = {} } = message.properties;
  const own = Object.entries(headers).filter(([name]) => !name.startsWith("x-"));
  const about = JSON.stringify(
    [messageId, timestamp, own],
    (_, value) => typeof value === "bigint" ? `${value}` : value,
  );
  return createHash("sha256").update(about).update(bodyOf(message)).digest("base64url").slice(0, 22);
}

async function withinPatience<T>(step: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return await within(PATIENCE, (signal) => {
    const running = step(signal);
    running.catch(() => {});
    return unlessAborted(running, signal, () => "the broker did not answer in time");
  });
}
