import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError } from "../../base/errors.ts";
import type { OnceKeeping } from "../../invocation/once_store.ts";
import type { Logger } from "../../base/log.ts";
import { endsWithin } from "../../base/time/within.ts";

/** The runner's answer to a call of `once()`. */
export type OnceAnswer =
  /** The call has claimed the key. The effect must run, and its result must be reported. */
  | { readonly kind: "run" }
  /** The effect has run, now or before, and this is its value. */
  | { readonly kind: "done"; readonly value: string | undefined }
  | { readonly kind: "error"; readonly message: string };

export interface OnceCallsOptions {
  /** @default none: every call gets an error */
  keeping: OnceKeeping | undefined;
  /** The function's name. It is part of its keys, so that functions do not share keys. */
  scope: string;
  log: Logger;
  /** Milliseconds that closing waits for a store that does not answer. @default 6_000 */
  patience?: number;
}

/** Identifies a call and its invocation. */
export interface OnceCall {
  readonly id: number;
  readonly call: number;
  readonly key: string;
  /** Milliseconds until everything that the invocation does is over. */
  readonly lease: number;
}

interface Open {
  readonly id: number;
  readonly key: string;
  readonly owner: string;
  /** Aborts when the invocation or its process is over, so that the call stops waiting. */
  readonly over: AbortController;
  /** The effect runs, or may run. */
  claimed: boolean;
}

/** The most unfinished calls of one invocation. */
const MAX_OPEN = 100;
/** The most in one process: effects that nobody awaited and that never ended. */
const MAX_OPEN_ALL = 10_000;
/** Milliseconds by which a claim outlasts its invocation, since ending it takes time too. */
const MARGIN = 2_000;
/** Milliseconds to wait for a store that is down, to record an effect that has run. */
const RECORD_PATIENCE = 5_000;

/**
 * The runner's side of `once()` in one process of a function. A claim lasts as long as its effect may run: until that is
 * told of, or the process is gone, or at last the lease ends.
 */
export class OnceCalls {
  readonly #options: OnceCallsOptions;
  readonly #open = new Map<number, Open>();
  /** Pending requests to the store. */
  readonly #asking = new Set<Promise<unknown>>();

  constructor(options: OnceCallsOptions) {
    this.#options = options;
  }

  /**
   * Takes the key, or waits while another has it. Never rejects; undefined for a call that there is already, which
   * no guest of ours makes.
   */
  async claim({ id, call, key, lease }: OnceCall): Promise<OnceAnswer | undefined> {
    if (this.#open.has(call)) return undefined;
    const { keeping } = this.#options;
    if (!keeping) return failed("there is no store for once()");
    if (!this.#hasRoom(id)) return failed(`more than ${MAX_OPEN} calls of once() are under way`);
    const over = new AbortController();
    const open = { id, key: this.#scoped(key), owner: crypto.randomUUID(), over, claimed: false };
    this.#open.set(call, open);
    try {
      const answer = await this.#ask(this.#wait(open, keeping, lease + MARGIN));
      if (answer.kind !== "run") this.#open.delete(call);
      return answer;
    } catch (error) {
      this.#open.delete(call);
      // The claim may have succeeded, but a store that cannot be reached cannot release it either.
      void keeping.store.release(open.key, open.owner).catch(() => {});
      return failed(`the store of once() cannot be used: ${describeError(error)}`);
    }
  }

  /** The effect has run. Resolves with the stored value once the store has it. Never rejects. */
  async done(call: number, value: string | undefined): Promise<OnceAnswer> {
    const open = this.#open.get(call);
    const { keeping } = this.#options;
    if (!keeping || !open?.claimed) return failed("no effect runs for that call of once()");
    this.#open.delete(call);
    return await this.#ask(this.#record(open, keeping, value));
  }

  /** Resolves once no request to the store is pending, or the store does not answer. */
  async settled(): Promise<void> {
    await this.#patiently(Promise.allSettled(this.#asking));
  }

  /** Does not wait for ever for a store that does not answer. */
  async #patiently(work: Promise<unknown>): Promise<void> {
    const { patience = 6_000, log } = this.#options;
    if (await endsWithin(patience, work)) return;
    log.warn(
      `the store of once() did not answer within ${patience / 1000} s; its keys are held until their time is over`,
    );
  }

  async #ask<T>(asking: Promise<T>): Promise<T> {
    this.#asking.add(asking);
    try {
      return await asking;
    } finally {
      this.#asking.delete(asking);
    }
  }

  /** A store that is down may come back in time. */
  async #record(open: Open, keeping: OnceKeeping, value: string | undefined): Promise<OnceAnswer> {
    const backoff = new Backoff({ initial: 50, max: 1_000 });
    for (const began = performance.now();;) {
      try {
        const kept = await keeping.store.done(open.key, open.owner, value, keeping.keep);
        return { kind: "done", value: kept.value };
      } catch (error) {
        if (performance.now() - began > RECORD_PATIENCE) {
          const why = describeError(error);
          return failed(`the effect has run, but that could not be recorded, and so it may run again: ${why}`);
        }
      }
      await delay(backoff.next());
    }
  }

  /** The effect threw, so it may run again at once. */
  async failed(call: number): Promise<void> {
    const open = this.#open.get(call);
    this.#open.delete(call);
    if (open?.claimed) await this.#release(open);
  }

  /** The invocation is over, so its calls stop waiting. Its effects may still run. */
  over(id: number): void {
    if (this.#open.size === 0) return;
    for (const open of this.#open.values()) if (open.id === id) open.over.abort();
  }

  /**
   * The process has ended, and its effects with it. Resolves once its keys are released, if the store can be reached.
   */
  async end(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { over } of all) over.abort();
    const releases = all.map((open) => open.claimed ? this.#release(open) : undefined);
    await this.#patiently(Promise.all([Promise.allSettled(this.#asking), ...releases]));
  }

  async #wait(open: Open, { store }: OnceKeeping, lease: number): Promise<OnceAnswer> {
    const { key, owner, over: { signal } } = open;
    const backoff = new Backoff({ initial: 20, max: 1_000 });
    const began = performance.now();
    while (!signal.aborted) {
      const left = Math.max(MARGIN, lease - (performance.now() - began));
      const claim = await store.claim(key, owner, left);
      if (claim.kind === "done") return { kind: "done", value: claim.value };
      if (claim.kind === "held") await delay(Math.min(backoff.next(), Math.max(1, claim.for)), signal);
      else if (!signal.aborted) {
        open.claimed = true;
        return { kind: "run" };
      } else await this.#release(open);
    }
    return failed("another run held the key until the time of this one was over");
  }

  async #release({ key, owner }: Open): Promise<void> {
    try {
      await this.#options.keeping?.store.release(key, owner);
    } catch (error) {
      // Its lease ends anyway.
      this.#options.log.warn(`a key of once() is held until its time is over: ${describeError(error)}`);
    }
  }

  #hasRoom(id: number): boolean {
    if (this.#open.size < MAX_OPEN) return true;
    let mine = 0;
    for (const open of this.#open.values()) if (open.id === id) mine++;
    return mine < MAX_OPEN && this.#open.size < MAX_OPEN_ALL;
  }

  /** Function names contain no slash. */
  #scoped(key: string): string {
    return `${this.#options.scope}/${key}`;
  }
}

function failed(message: string): OnceAnswer {
  return { kind: "error", message };
}
