import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { delay } from "../../base/time/backoff.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { DeadLetter } from "../../invocation/dead_letters/dead_letter.ts";
import type { Sweep, SweepOptions } from "../../invocation/dead_letters/dead_letter_box.ts";
import { matches } from "../../invocation/dead_letters/dead_letter_filter.ts";
import type { Scan } from "./dead_letter_scan.ts";
import { toDeadLetter } from "../message/headers.ts";
import { WINDOW } from "../publishing/confirms/confirm_channel.ts";

/** Milliseconds without a confirm until it gives up. After a stop, this long at most. */
const PATIENCE = 30_000;
const PATIENCE_AT_END = 3_000;
/** Milliseconds by which a rate limit may be late and still catch up: timers are not exact. */
const BURST = 50;

/**
 * What is done with a dead letter that matches: it goes once that resolves, and stays where nothing is done or can be
 * done. The signal aborts when the broker takes too long.
 */
export type Act = (letter: DeadLetter, signal: AbortSignal) => Promise<void | "stays"> | undefined;

/** One pass through the dead letters. */
export class SweepRun {
  readonly #scan: Scan;
  readonly #options: SweepOptions & { rate?: number };
  readonly #giveUp = new AbortController();
  readonly #now = Date.now();
  #matched = 0;
  #done = 0;
  #unreadable = 0;
  #underWay = 0;
  #failure: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the next one may begin. */
  #due = 0;
  #wake = () => {};

  constructor(scan: Scan, options: SweepOptions & { rate?: number }) {
    this.#scan = scan;
    this.#options = options;
  }

  get sweep(): Sweep {
    const { depth, looked, stopped } = this.#scan;
    return { depth, looked, matched: this.#matched, done: this.#done, unreadable: this.#unreadable, stopped };
  }

  /** @throws {WarrenError} that says how many were done before */
  async run(act: Act): Promise<Sweep> {
    const { signal } = this.#options;
    const hurry = () => this.#arm(PATIENCE_AT_END);
    signal?.addEventListener("abort", hurry);
    try {
      await this.#walk(act);
    } catch (error) {
      this.#failure ??= error;
    }
    while (this.#underWay > 0) await this.#change();
    signal?.removeEventListener("abort", hurry);
    clearTimeout(this.#timer);
    if (this.#failure) throw this.#told(this.#failure);
    // Only this proves that the acks arrived.
    await this.#scan.close().catch((error) => {
      throw this.#told(error);
    });
    return this.sweep;
  }

  async #walk(act: Act): Promise<void> {
    const { filter = {}, limit = Infinity, signal, onProgress } = this.#options;
    while (this.#matched < limit && !this.#failure) {
      const message = await this.#scan.next();
      if (!message) return;
      const letter = toDeadLetter(message);
      if (!matches(filter, letter, this.#now)) {
        this.#scan.hold(message);
      } else {
        await this.#pace();
        if (signal?.aborted) return this.#scan.takeBack(message);
        this.#matched++;
        this.#begin(act, letter, message);
      }
      onProgress?.(this.sweep);
      while (this.#underWay >= WINDOW) await this.#change();
    }
  }

  #begin(act: Act, letter: DeadLetter, message: AMQPMessage): void {
    const doing = act(letter, this.#giveUp.signal);
    if (!doing) {
      if (letter.unreadable) this.#unreadable++;
      return this.#scan.hold(message);
    }
    if (this.#underWay++ === 0) this.#arm(PATIENCE);
    doing.then((stays) => {
      if (stays) {
        this.#unreadable++;
        return this.#scan.hold(message);
      }
      this.#done++;
      this.#scan.ack(message);
    }).catch((error) => {
      this.#failure ??= error;
      this.#scan.end();
    }).finally(() => {
      this.#underWay--;
      if (!this.#options.signal?.aborted) this.#arm(PATIENCE);
      this.#wake();
    });
  }

  /** Waits until the next one may begin. */
  async #pace(): Promise<void> {
    const { rate, signal } = this.#options;
    if (rate === undefined) return;
    const now = performance.now();
    const due = Math.max(this.#due, now - BURST);
    this.#due = due + 1000 / rate;
    if (due > now) await delay(due - now, signal);
  }

  #arm(patience: number): void {
    clearTimeout(this.#timer);
    if (this.#underWay > 0) this.#timer = setTimeout(() => this.#giveUp.abort(), patience);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  #told(error: unknown): WarrenError {
    const { done } = this.sweep;
    const code = error instanceof WarrenError ? error.code : "unavailable";
    const before = done > 0 ? `${done} were done before that, and ` : "";
    const twice = code === "unavailable" ? ", or there twice if it was under way" : "";
    const text = `${describeError(error)}; ${before}what is left is where it was${twice}`;
    return new WarrenError(code, text, { cause: error });
  }
}
