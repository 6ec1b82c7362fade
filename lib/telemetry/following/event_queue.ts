import { isLast, type MessageEvent } from "../../invocation/insight/message_event.ts";

/** Events that wait for one reader. */
const MOST_WAITING = 100;

/**
 * What happened to a message and was not read yet. Of progress that waits only the latest is kept, so that a slow reader
 * misses no change of state.
 */
export class EventQueue {
  readonly #function: string | undefined;
  #events: MessageEvent[] = [];
  /** The last run that it told of. */
  #run = "";
  #over = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param name only events of this function, unless undefined */
  constructor(name: string | undefined) {
    this.#function = name;
  }

  get size(): number {
    return this.#events.length;
  }

  readonly offer = (event: MessageEvent): void => {
    if (this.#over || (this.#function !== undefined && "function" in event && event.function !== this.#function)) {
      return;
    }
    if (event.kind === "running") {
      // It is sent again to each new follower.
      const run = `${event.function} ${event.runner} ${event.attempt} ${event.startedAt}`;
      if (run === this.#run) return;
      this.#run = run;
    }
    const last = this.#events.at(-1);
    if (last?.kind === "progress" && event.kind === "progress" && last.function === event.function) this.#events.pop();
    if (this.#events.length >= MOST_WAITING) this.#failure = new Error(`more than ${MOST_WAITING} events waited`);
    else this.#events.push(event);
    this.#over = isLast(event) || this.#failure !== undefined;
    this.#wake?.();
  };

  end(): void {
    this.#over = true;
    this.#wake?.();
  }

  /** The next one; undefined at the end. @throws {Error} where the reader was too slow */
  async next(): Promise<MessageEvent | undefined> {
    while (this.#events.length === 0) {
      if (this.#failure) throw this.#failure;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#events.shift();
  }
}
