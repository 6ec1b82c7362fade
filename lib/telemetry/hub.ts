import type { LiveEvent, LiveFilter } from "../invocation/insight/operator_view.ts";

export interface HubOptions {
  /** Events that wait for one subscriber; one that is slower is cut off. @default 1_000 */
  limit?: number;
}

/** A subscriber was slower than the events. */
export class TooSlow extends Error {
  override readonly name = "TooSlow";
  constructor(limit: number) {
    super(`more than ${limit} events waited: the stream was cut off`);
  }
}

/** Passes events of this runner to its subscribers. It waits for none of them. */
export class Hub {
  readonly #limit: number;
  readonly #subscribers = new Set<Subscriber>();

  constructor({ limit = 1_000 }: HubOptions = {}) {
    this.#limit = limit;
  }

  /** How many look on. Where nobody does, no event has to be made. */
  get size(): number {
    return this.#subscribers.size;
  }

  publish(event: LiveEvent): void {
    for (const subscriber of this.#subscribers) subscriber.offer(event);
  }

  /**
   * What happens from the call on, until the signal aborts.
   *
   * @throws {TooSlow} from the iteration, once more events wait than the limit
   */
  follow(filter: LiveFilter, signal: AbortSignal): AsyncIterable<LiveEvent> {
    const subscriber = new Subscriber(filter, this.#limit);
    if (signal.aborted) subscriber.end();
    else this.#subscribers.add(subscriber);
    const leave = () => {
      this.#subscribers.delete(subscriber);
      subscriber.end();
    };
    signal.addEventListener("abort", leave, { once: true });
    const leaveNow = () => {
      signal.removeEventListener("abort", leave);
      leave();
    };
    return { [Symbol.asyncIterator]: () => iterate(subscriber, leaveNow) };
  }
}

class Subscriber {
  readonly #filter: LiveFilter;
  readonly #limit: number;
  #events: LiveEvent[] = [];
  #over: { error?: Error } | undefined;
  #wake: (() => void) | undefined;

  constructor(filter: LiveFilter, limit: number) {
    this.#filter = filter;
    this.#limit = limit;
  }

  offer(event: LiveEvent): void {
    const { kind, function: name } = this.#filter;
    if (this.#over || (kind !== undefined && event.kind !== kind)) return;
    if (name !== undefined && nameOf(event) !== name) return;
    if (this.#events.length >= this.#limit) this.#over = { error: new TooSlow(this.#limit) };
    else this.#events.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#over ??= {};
    this.#wake?.();
  }

  /** What waits; undefined at the end. */
  async take(): Promise<LiveEvent[] | undefined> {
    while (this.#events.length === 0) {
      if (this.#over?.error) throw this.#over.error;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

async function* iterate(subscriber: Subscriber, leave: () => void): AsyncGenerator<LiveEvent, void, undefined> {
  try {
    for (let events = await subscriber.take(); events; events = await subscriber.take()) yield* events;
  } finally {
    leave();
  }
}

function nameOf(event: LiveEvent): string {
  return event.kind === "run" ? event.run.function : event.function;
}
