import { describeError, WarrenError } from "../../base/errors.ts";
import type { Failure } from "../../invocation/outcome.ts";
import type { Content } from "../../invocation/sandbox.ts";
import type { GuestProcess } from "../process/guest_process.ts";

export interface ValidationsOptions {
  /** Milliseconds for an answer, including the start of a process. @default 10_000 */
  limit?: number;
  /** Milliseconds for a process to show that it is not stuck. */
  grace: number;
}

interface Open {
  readonly settled: PromiseWithResolvers<Failure | undefined>;
  /** The process that was asked. Undefined while it starts. */
  process: GuestProcess | undefined;
}

/** Checks of message bodies by a function's processes, before publishing. Each ends within the limit. */
export class Validations {
  readonly #limit: number;
  readonly #grace: number;
  readonly #open = new Map<number, Open>();
  #next = 1;

  constructor({ limit = 10_000, grace }: ValidationsOptions) {
    this.#limit = limit;
    this.#grace = grace;
  }

  /** @throws {WarrenError} `unavailable` if the process does not load, ends, or does not answer in time */
  async ask(started: Promise<GuestProcess>, content: Content): Promise<Failure | undefined> {
    const call = this.#next++;
    const open: Open = { settled: Promise.withResolvers(), process: undefined };
    this.#open.set(call, open);
    const limit = setTimeout(() => this.#late(open), this.#limit);
    send(call, content, open, started).catch((error) => open.settled.reject(unavailable(describeError(error))));
    try {
      return await open.settled.promise;
    } finally {
      clearTimeout(limit);
      this.#open.delete(call);
    }
  }

  /** A process answered. Answers for other processes' questions are ignored. */
  answered(process: GuestProcess, call: number, failure: Failure | undefined): void {
    const open = this.#open.get(call);
    if (open?.process === process) open.settled.resolve(failure);
  }

  /** A process has ended, so its questions are not answered any more. */
  ended(process: GuestProcess, reason: string): void {
    for (const open of this.#open.values()) {
      if (open.process === process) open.settled.reject(unavailable(`the function's process ended: ${reason}`));
    }
  }

  close(): void {
    for (const { settled } of this.#open.values()) settled.reject(unavailable("the sandbox is closed"));
  }

  /** If nothing else runs in the process, only this check can be stuck in it, so the process is killed. */
  #late({ settled, process }: Open): void {
    settled.reject(unavailable("the function did not look at the message in time"));
    if (!process || process.running > 0) return;
    process.ping();
    setTimeout(() => {
      if (!process.responsive && process.running === 0) process.kill("it was stuck in the check of a message");
    }, this.#grace);
  }
}

async function send(call: number, content: Content, open: Open, started: Promise<GuestProcess>): Promise<void> {
  const process = await started;
  await process.loaded;
  open.process = process;
  process.send(["validate", call, content]);
}

function unavailable(message: string): WarrenError {
  return new WarrenError("unavailable", message);
}
