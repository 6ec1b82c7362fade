/** Milliseconds between two checks. AMQP sends no event when a queue's consumers change, so this polls. */
const INTERVAL = 200;

export interface IdleWatchOptions {
  /** Why no runner takes messages of the function. Undefined if one does. */
  why(name: string): Promise<string | undefined>;
  /** Milliseconds. @default 200 */
  interval?: number;
}

/**
 * Watches the functions that callers wait for. If a function becomes broken or paused while they wait, they get the
 * reason at once instead of a time-out later. Each function has one timer and one check, however many callers wait.
 */
export class IdleWatch {
  readonly #options: IdleWatchOptions;
  readonly #callers = new Map<string, Set<AbortController>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking = false;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
  }

  /** The number of callers that wait. */
  get waiting(): number {
    return [...this.#callers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Runs `work` with a signal that aborts when `gone` aborts or when the function stops taking messages. Resolves with
   * the result of `work`, or with the reason why the function takes no messages.
   */
  async during<T>(
    name: string,
    gone: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ value: T; idle: string | undefined }> {
    const caller = new AbortController();
    const callers = this.#callers.get(name) ?? new Set();
    this.#callers.set(name, callers.add(caller));
    this.#lookSoon();
    try {
      const value = await work(AbortSignal.any([gone, caller.signal]));
      return { value, idle: caller.signal.aborted ? String(caller.signal.reason) : undefined };
    } finally {
      callers.delete(caller);
      if (callers.size === 0 && this.#callers.get(name) === callers) this.#callers.delete(name);
      if (this.#callers.size === 0) {
        clearTimeout(this.#timer);
        this.#timer = undefined;
      }
    }
  }

  #lookSoon(): void {
    if (this.#looking || this.#callers.size === 0) return;
    this.#timer ??= setTimeout(() => void this.#look(), this.#options.interval ?? INTERVAL);
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#looking = true;
    await Promise.all([...this.#callers].map(async ([name, callers]) => {
      const asked = [...callers];
      const why = await this.#options.why(name).catch(() => undefined);
      if (why !== undefined) asked.forEach((caller) => caller.abort(why));
    }));
    this.#looking = false;
    this.#lookSoon();
  }
}
