import type { Logger } from "../../base/log.ts";

export interface LateAnswersOptions {
  /** Milliseconds after which an answer is late. @default 5_000 */
  late?: number;
  /** Monotonic time in milliseconds. @default performance.now */
  now?: () => number;
}

/** One question to the broker. */
export interface Asking {
  /** The broker answered. */
  answered(): void;
  /** The caller gave up but will ask again, so the answer is still missing. */
  gaveUp(): void;
  /** Nobody needs the answer any more. */
  forgotten(): void;
}

/** Questions that the broker has not answered in time, for example because a queue's node is down. */
export class LateAnswers {
  readonly #log: Logger;
  readonly #late: number;
  readonly #now: () => number;
  /** When it was first asked. */
  readonly #missing = new Map<string, number>();

  constructor(log: Logger, options: LateAnswersOptions = {}) {
    this.#log = log;
    this.#late = options.late ?? 5_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** As in `queue "pay.dead": no answer for 12 s`. */
  get all(): { what: string; detail: string }[] {
    return [...this.#missing].map(([what, since]) => ({
      what,
      detail: `the broker has not answered for ${Math.round((this.#now() - since) / 1000)} s`,
    }));
  }

  /** @param onLate is called when the answer is late */
  ask(what: string, onLate?: (detail: string) => void): Asking {
    const since = this.#now();
    const timer = setTimeout(() => {
      const known = this.#missing.has(what);
      if (!known) this.#missing.set(what, since);
      const detail = `the broker has not answered for ${this.#late / 1000} s about ${what}`;
      if (!known) this.#log.warn(detail);
      onLate?.(detail);
    }, this.#late);
    const end = () => clearTimeout(timer);
    return {
      gaveUp: end,
      forgotten: () => {
        end();
        this.#missing.delete(what);
      },
      answered: () => {
        end();
        if (this.#missing.delete(what)) this.#log.info(`the broker answers again about ${what}`);
      },
    };
  }
}
