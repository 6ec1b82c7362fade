import type { Entry } from "./entry.ts";
import type { Message } from "./message.ts";

/** Whoever takes the messages of a queue, as the queue sees it. */
export interface Consumer {
  readonly priority: number;
  readonly exclusive: boolean;
  /** Whether it may have one more now. */
  ready(): boolean;
  deliver(entry: Entry, message: Message): void;
  /** The queue is gone. */
  cancelled(): void;
}

interface Level {
  priority: number;
  consumers: Consumer[];
  /** Whose turn it is. */
  at: number;
}

/** The consumers of a queue: those of the highest priority first, in turn, and only those that are ready. */
export class Consumers {
  readonly #single: boolean;
  readonly #levels: Level[] = [];
  #count = 0;
  #active: Consumer | undefined;

  /** `single`: only one of them gets messages, until it goes. */
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

  /** Whether it was there. */
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

  /** The next one that is ready, in its turn. */
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
