import { Backoff, delay } from "../../base/time/backoff.ts";
import type { Logger } from "../../base/log.ts";
import type { GuestProcess } from "../process/guest_process.ts";

export interface PoolOptions {
  /** Maximum number of processes. */
  instances: number;
  /** Milliseconds without work after which a process stops. */
  idle: number;
  log: Logger;
  start(): Promise<GuestProcess>;
}

/** A process of the pool, from the time when it is needed. */
export interface Member {
  /** Rejects if the process cannot be started. */
  readonly started: Promise<GuestProcess>;
  process: GuestProcess | undefined;
  /** The number of invocations that run in it or wait for it. */
  running: number;
  idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** When it was needed, by `performance.now()`. */
  readonly since: number;
}

/** Milliseconds. A process that lived this long did not crash at once. */
const STEADY = 10_000;
/** After this many crashes in a row, the next start is delayed. */
const CRASHES = 2;

/**
 * The processes of one function: the first one starts when it is needed, another one when all are busy and there may be
 * more, and each stops when it had nothing to do for a while. When they crash one after the other, the next one waits.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #members = new Set<Member>();
  readonly #backoff = new Backoff({ initial: 500, max: 30_000 });
  readonly #closed = new AbortController();
  #crashes = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** The number of processes that exist or are starting. */
  get size(): number {
    return this.#members.size;
  }

  /** The process with the least work, or a new one. The caller must give it back. */
  take(): Member {
    let best: Member | undefined;
    for (const member of this.#members) {
      // Invocations that it gets now would never be handled.
      if (member.process?.killed) continue;
      if (!best || member.running < best.running) best = member;
    }
    if (!best || (best.running > 0 && this.#members.size < this.#options.instances)) best = this.#add();
    best.running++;
    clearTimeout(best.idleTimer);
    return best;
  }

  give(member: Member): void {
    if (--member.running > 0 || !this.#members.has(member)) return;
    clearTimeout(member.idleTimer);
    member.idleTimer = setTimeout(() => this.#retire(member), Math.min(this.#options.idle, 2 ** 31 - 1));
  }

  /** The process has ended or is about to. It gets no more work. */
  remove(process: GuestProcess): void {
    for (const member of this.#members) {
      if (member.process !== process) continue;
      this.#members.delete(member);
      clearTimeout(member.idleTimer);
    }
  }

  /** A process outside of the pool. */
  async alone(): Promise<GuestProcess> {
    await this.#pause();
    return await this.#options.start();
  }

  noteCrash(): void {
    this.#crashes++;
  }

  noteSuccess(): void {
    if (this.#crashes === 0) return;
    this.#crashes = 0;
    this.#backoff.reset();
  }

  /** Stops further starts. Resolves once those in progress are done. */
  async close(): Promise<void> {
    this.#closed.abort();
    const members = [...this.#members];
    this.#members.clear();
    for (const { idleTimer } of members) clearTimeout(idleTimer);
    await Promise.allSettled(members.map(({ started }) => started));
  }

  #add(): Member {
    const started = this.#pause().then(() => this.#options.start());
    const member: Member = { started, process: undefined, running: 0, idleTimer: undefined, since: performance.now() };
    this.#members.add(member);
    started.then((process) => {
      member.process = process;
      process.loaded.catch(() => this.remove(process));
    }, () => void this.#members.delete(member));
    return member;
  }

  async #pause(): Promise<void> {
    const oldest = Math.max(0, ...[...this.#members].map(({ since }) => performance.now() - since));
    if (oldest > STEADY) this.noteSuccess();
    if (this.#crashes < CRASHES) return;
    const wait = this.#backoff.next();
    const text = `the function's process crashed ${this.#crashes} times in a row; the next one starts in ${wait} ms`;
    this.#options.log.warn(text);
    await delay(wait, this.#closed.signal);
    if (this.#closed.signal.aborted) throw new Error("the sandbox is closed");
  }

  #retire(member: Member): void {
    if (!this.#members.delete(member)) return;
    void member.started.then((process) => process.retire(), () => {});
  }
}
