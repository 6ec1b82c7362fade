import type { WarrenError } from "../../base/errors.ts";
import { RETRY_PREFIX } from "../message/names.ts";
import type { PublishSink } from "../publishing/confirms/confirm_channel.ts";
import type { OutgoingMessage } from "../publishing/confirms/outgoing_message.ts";
import type { Publisher, PublishOptions } from "../publishing/publisher.ts";

/** What publishes, with confirms. */
export type Publishing = Pick<Publisher, "publish" | "send">;

/** Steps of time per delay: how exactly it is known when a message comes back. */
const STEPS = 64;
/** Outputs with a delay may name any queue. Beyond this many, those of further queues are not counted. */
const MAX_QUEUES = 10_000;

/** Messages of one queue that come back between two steps of time. */
interface Step {
  /** Milliseconds since 1970: they are all back. */
  readonly due: number;
  count: number;
}

/**
 * Counts the messages that this runner put into retry queues and that are not back yet. Retry queues are shared by all
 * functions with the same delay, and no broker says how many of their messages are for one function.
 *
 * Runners announce it to each other. What one put there before it was started again is not counted.
 */
export class HeldBack {
  /** By queue, then by delay; the oldest step first. */
  readonly #queues = new Map<string, Map<number, Step[]>>();
  readonly #now: () => number;

  /** @param now milliseconds since 1970. @default Date.now */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A publisher that counts what it puts into retry queues. */
  counting(publisher: Publishing): Publishing {
    return {
      send: (message, options, sink) => {
        const delayed = message.exchange.startsWith(RETRY_PREFIX);
        return publisher.send(message, options, delayed ? new Counted(this, sink) : sink);
      },
      publish: (message: OutgoingMessage, options?: PublishOptions) => {
        const published = publisher.publish(message, options);
        if (!message.exchange.startsWith(RETRY_PREFIX)) return published;
        return published.then(() => this.addMessage(message));
      },
    };
  }

  /** A message that is in a retry queue now. */
  addMessage({ exchange, routingKey }: Pick<OutgoingMessage, "exchange" | "routingKey">): void {
    this.add(routingKey, Number(exchange.slice(RETRY_PREFIX.length)));
  }

  /** @param delay milliseconds */
  add(queue: string, delay: number): void {
    const due = this.#now() + delay;
    let delays = this.#queues.get(queue);
    if (!delays && this.#full()) return;
    if (!delays) this.#queues.set(queue, delays = new Map());
    let steps = delays.get(delay);
    if (!steps) delays.set(delay, steps = []);
    this.#forget(steps);
    const last = steps.at(-1);
    if (last && due - last.due < delay / STEPS) last.count++;
    else steps.push({ due, count: 1 });
  }

  /** How many of a queue's messages this runner holds back, by their delay in milliseconds. */
  counts(queue: string): Map<number, number> {
    const counts = new Map<number, number>();
    const delays = this.#queues.get(queue);
    if (!delays) return counts;
    for (const [delay, steps] of delays) {
      this.#forget(steps);
      if (steps.length === 0) delays.delete(delay);
      else counts.set(delay, steps.reduce((sum, { count }) => sum + count, 0));
    }
    if (delays.size === 0) this.#queues.delete(queue);
    return counts;
  }

  /** All that this runner holds back. */
  all(): { queue: string; delay: number; count: number }[] {
    return [...this.#queues.keys()].flatMap((queue) =>
      [...this.counts(queue)].map(([delay, count]) => ({ queue, delay, count }))
    );
  }

  #full(): boolean {
    if (this.#queues.size < MAX_QUEUES) return false;
    for (const queue of [...this.#queues.keys()]) this.counts(queue);
    return this.#queues.size >= MAX_QUEUES;
  }

  #forget(steps: Step[]): void {
    const now = this.#now();
    const kept = steps.findIndex(({ due }) => due > now);
    steps.splice(0, kept < 0 ? steps.length : kept);
  }
}

/** Counts a message once it is confirmed. */
class Counted implements PublishSink {
  readonly #heldBack: HeldBack;
  readonly #sink: PublishSink;

  constructor(heldBack: HeldBack, sink: PublishSink) {
    this.#heldBack = heldBack;
    this.#sink = sink;
  }

  published(message: OutgoingMessage, error: WarrenError | undefined): void {
    if (!error) this.#heldBack.addMessage(message);
    this.#sink.published(message, error);
  }
}
