import type { Entry } from "./entry.ts";
import type { Message } from "./message.ts";

/** A consumer, as the queue sees it. */
export interface Consumer {
  readonly priority: number;
  readonly exclusive: boolean;
  /** Whether it can take another message now. */
  ready(): boolean;
  deliver(entry: Entry, message: Message): void;
  /** The queue was deleted. */
  cancelled(): void;
}

interface Level {
  priority: number;
  consumers: Consumer[];
  /** The index of the next consumer. */
  at: number;
}

/** The consumers of a queue. Ready consumers of the highest priority get messages in turn. */
export class Consumers {
  readonly #single: boolean;
  readonly #levels: Level[] = [];
  #count = 0;
  #active: Consumer | undefined;

  /** `single`: only one consumer is active until it is cancelled. */
  constructor(single: boolean) {
    this.#single = single;
  }

  get count(): number {
    return this.#count;
  }

  get exclusive(): boolean {
    return this.#count === 1 && this.#levels[0].consumers[0].exclusive;
  }

  all(): Consumer[] {
    return this.#levels.flatMap(({ consumers }) => consumers);
  }

  add(consumer: Consumer): void {
    let level = this.#levels.find(({ priority }) => priority === consumer.priority);
    if (!level) {
      level = { priority: consumer.priority, consumers: [], at: 0 };
      this.#levels.push(level);
      this.#levels.sort((a, b) => b.priority - a.priority);
    }
    level.consumers.push(consumer);
    this.#count++;
    this.#active ??= consumer;
  }

  /** Whether it was a consumer of the queue. */
  remove(consumer: Consumer): boolean {
    for (const level of this.#levels) {
      const index = level.consumers.indexOf(consumer);
      if (index < 0) continue;
      level.consumers.splice(index, 1);
      if (index < level.at) level.at--;
      if (level.at >= level.consumers.length) level.at = 0;
      if (level.consumers.length === 0) this.#levels.splice(this.#levels.indexOf(level), 1);
      this.#count--;
      if (this.#active === consumer) this.#active = this.#levels[0]?.consumers[0];
      return true;
    }
    return false;
  }

  /** The next consumer in turn that is ready. */
  next(): Consumer | undefined {
    if (this.#single) return this.#active?.ready() ? this.#active : undefined;
    for (const level of this.#levels) {
      const { consumers } = level;
      for (let tries = consumers.length; tries > 0; tries--) {
        const consumer = consumers[level.at];
        if (++level.at >= consumers.length) level.at = 0;
        if (consumer.ready()) return consumer;
      }
    }
    return undefined;
  }
}
