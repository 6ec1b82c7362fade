import type { GuestProcess } from "../process/guest_process.ts";
import type { RunningInvocation } from "./running_invocations.ts";

export interface ProcessSuspectsOptions {
  /** Whether it still has to run. It may be cancelled while it waits. */
  waits(suspect: RunningInvocation): boolean;
  /** Starts a process where nothing else runs. */
  start(): Promise<GuestProcess>;
  /** Runs it in that process, and calls its `leave()` when it is not in there any more. */
  run(suspect: RunningInvocation, started: Promise<GuestProcess>): void;
}

/**
 * Invocations that ran in a process together when it ended, so that nobody can tell which of them ended it. They run one
 * by one where nothing else runs: if that process ends, it is clear which one did it. Those that end well share a process.
 */
export class ProcessSuspects {
  readonly #options: ProcessSuspectsOptions;
  readonly #waiting: RunningInvocation[] = [];
  #trying = false;

  constructor(options: ProcessSuspectsOptions) {
    this.#options = options;
  }

  add(suspect: RunningInvocation): void {
    this.#waiting.push(suspect);
    if (!this.#trying) void this.#tryAll();
  }

  async #tryAll(): Promise<void> {
    const { waits, start, run } = this.#options;
    this.#trying = true;
    let started: Promise<GuestProcess> | undefined;
    for (let suspect = this.#waiting.shift(); suspect; suspect = this.#waiting.shift()) {
      if (!waits(suspect)) continue;
      const { promise: left, resolve: leave } = Promise.withResolvers<void>();
      suspect.alone = true;
      suspect.leave = leave;
      const process = await started?.catch(() => undefined);
      if (!process || process.ended) started = start();
      run(suspect, started!);
      await left;
    }
    this.#trying = false;
    (await started?.catch(() => undefined))?.retire();
  }
}
