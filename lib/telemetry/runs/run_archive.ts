import { describeError, WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { TIMERS, type Timers } from "../../base/time/timers.ts";
import { endsWithin } from "../../base/time/within.ts";
import type { Run } from "../../invocation/insight/run.ts";
import type { Answer, Payload, Question } from "./store/run_keeper.ts";
import type { FromWorker, ToWorker } from "./store/worker_protocol.ts";

export interface RunArchiveOptions {
  folder: string;
  /** How many runs are kept. */
  keep: number;
  /** Milliseconds that a run is kept. */
  age: number;
  log: Logger;
  /** Records that wait to be written; the oldest of more are lost. @default 10_000 */
  buffer?: number;
  /** @default TIMERS */
  timers?: Timers;
  /** Makes the thread. @default a worker */
  thread?: () => Thread;
}

/** What a `Worker` is, as far as it is used here. */
export interface Thread {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToWorker): void;
  terminate(): void;
}

/** Milliseconds from a record until it is written: those of that time are one transaction. */
const WRITE_AFTER = 250;
/** Records in one transaction. */
const GROUP = 1_000;
/** Milliseconds for an answer, for the last records at the end, and until a thread that ended is started again. */
const ANSWER_LIMIT = 10_000;
const CLOSE_LIMIT = 1_500;
const RESTART_AFTER = 60_000;

interface Asked {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * Where the records of runs are kept: a thread with a SQLite file, started when it is first needed. Nobody waits for it but
 * who asks it. What it cannot take is lost and counted, and one line of the log says so.
 */
export class RunArchive {
  readonly #options: RunArchiveOptions;
  readonly #timers: Timers;
  readonly #asked = new Map<number, Asked>();
  #buffer: Run[] = [];
  #thread: Thread | undefined;
  /** Records that the thread has and has not said to have written. */
  #writing = 0;
  #cancelWrite: (() => void) | undefined;
  #nextId = 1;
  #lost = 0;
  /** Records are being lost, and the log says so already. */
  #failing = false;
  #restartAt = 0;
  #closed = false;
  #ended: (() => void) | undefined;

  constructor(options: RunArchiveOptions) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
  }

  /** Records that are lost. */
  get lost(): number {
    return this.#lost;
  }

  /** Keeps a record, soon. */
  write(run: Run): void {
    if (this.#closed) return;
    if (this.#buffer.push(run) > (this.#options.buffer ?? 10_000)) {
      this.#buffer.shift();
      this.#lose(1, "they come faster than they can be written");
    }
    this.#cancelWrite ??= this.#timers.after(WRITE_AFTER, () => this.#flush());
  }

  /** @throws {WarrenError} `unavailable` where there is no answer */
  async ask<Q extends Question>(question: Q, payload: Payload<Q>): Promise<Answer<Q>> {
    this.#flush();
    const thread = this.#closed ? undefined : this.#started();
    if (!thread) throw new WarrenError("unavailable", "the run records cannot be read now; the log says why");
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#asked.set(id, { resolve, reject });
    const cancel = this.#timers.after(ANSWER_LIMIT, () => reject(new Error("no answer in time")));
    thread.postMessage({ op: "ask", id, question, payload });
    try {
      return await promise as Answer<Q>;
    } catch (cause) {
      throw new WarrenError("unavailable", `the run records cannot be read: ${describeError(cause)}`, { cause });
    } finally {
      cancel();
      this.#asked.delete(id);
    }
  }

  /** Writes what waits, and ends. */
  async close(): Promise<void> {
    this.#flush(true);
    this.#closed = true;
    const thread = this.#thread;
    if (!thread) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    thread.postMessage({ op: "close" });
    await endsWithin(CLOSE_LIMIT, promise);
    thread.terminate();
    this.#thread = undefined;
  }

  /** One group at a time is on its way, so that what waits is here, where its number is limited. */
  #flush(all = false): void {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    if (this.#buffer.length === 0 || (this.#writing > 0 && !all)) return;
    const thread = this.#started();
    const runs = all ? this.#buffer : this.#buffer.slice(0, GROUP);
    this.#buffer = all ? [] : this.#buffer.slice(GROUP);
    if (!thread) return this.#lose(runs.length, "their thread ended");
    this.#writing += runs.length;
    thread.postMessage({ op: "write", runs });
  }

  #started(): Thread | undefined {
    if (this.#thread || this.#timers.now() < this.#restartAt) return this.#thread;
    const { folder, keep, age, thread: make = startWorker } = this.#options;
    const thread = this.#thread = make();
    thread.onmessage = ({ data }) => this.#receive(data);
    thread.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message);
    };
    thread.postMessage({ op: "open", folder, keep, age });
    return thread;
  }

  #receive(message: FromWorker): void {
    switch (message.op) {
      case "wrote":
        return this.#wrote(message.count, message.error);
      case "answer": {
        const asked = this.#asked.get(message.id);
        if (message.error === undefined) asked?.resolve(message.value);
        else asked?.reject(new Error(message.error));
        return;
      }
      case "trouble":
        return this.#options.log.warn(message.text);
      case "closed":
        return this.#ended?.();
    }
  }

  #wrote(count: number, error: string | undefined): void {
    this.#writing -= count;
    if (error !== undefined) this.#lose(count, error);
    else if (this.#failing) this.#recovered();
    if (this.#writing === 0 && this.#buffer.length > 0) this.#flush();
  }

  #recovered(): void {
    this.#failing = false;
    this.#options.log.info(`run records are kept again; ${this.#lost} were lost since the start`);
  }

  /** Only the first loss is logged, until all is well again. */
  #lose(count: number, why: string): void {
    this.#lost += count;
    if (this.#failing) return;
    this.#failing = true;
    this.#options.log.warn(`run records are lost: ${why}; messages are handled as ever`);
  }

  #fail(why: string): void {
    this.#thread?.terminate();
    this.#thread = undefined;
    this.#restartAt = this.#timers.now() + RESTART_AFTER;
    for (const { reject } of this.#asked.values()) reject(new Error(why));
    this.#lose(this.#writing, why);
    this.#writing = 0;
    this.#ended?.();
  }
}

function startWorker(): Thread {
  return new Worker(new URL("./store/run_worker.ts", import.meta.url), { type: "module", name: "run records" });
}
