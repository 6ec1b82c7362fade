import type { GuestProcess } from "../process/guest_process.ts";

/** An invocation that has a time limit. */
export interface Timed {
  readonly id: number;
  /** When its time is over, by the monotonic clock. Infinite before it was sent to a process. */
  deadline: number;
  /** When its process is killed after its signal was aborted. */
  killAt: number | undefined;
  /** How often its process reported that its turn came late. */
  late: number;
  /** The process that it was sent to. Undefined while the module loads. */
  process: GuestProcess | undefined;
}

/** All that run now. */
interface AllTimed {
  values(): Iterable<Timed>;
}

export interface TimeLimitsOptions {
  /** Milliseconds. */
  timeout: number;
  /** Milliseconds from the time limit until the process is killed. */
  grace: number;
  /** The most invocations in one process. */
  concurrency: number;
  /** An invocation's time is over. */
  onOverdue(process: GuestProcess, id: number): void;
  /** It has not settled within the grace period. Called again as long as there is one. */
  onOverrun(process: GuestProcess): void;
}

/** The time limits of all invocations of a sandbox, with one timer. */
export class TimeLimits {
  readonly #options: TimeLimitsOptions;
  readonly #running: AllTimed;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(running: AllTimed, options: TimeLimitsOptions) {
    this.#running = running;
    this.#options = options;
  }

  /** Its time starts now. */
  begin(timed: Timed): void {
    const { timeout } = this.#options;
    timed.deadline = performance.now() + timeout;
    timed.killAt = undefined;
    timed.late = 0;
    this.#timer ??= setTimeout(() => this.#check(), timeout);
  }

  /**
   * Its process says that it was late to begin, and has `left` milliseconds. It may have waited for all those beside it,
   * and no longer: a process is not believed without end.
   */
  extend(timed: Timed, left: number): void {
    const { timeout, concurrency } = this.#options;
    if (timed.killAt === undefined || ++timed.late >= concurrency) return;
    timed.killAt = undefined;
    // The timer fires when it would have been killed, or earlier.
    timed.deadline = performance.now() + Math.min(left, timeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    this.#timer = undefined;
    const { grace, onOverdue, onOverrun } = this.#options;
    const now = performance.now();
    let next = Infinity;
    for (const timed of this.#running.values()) {
      const { process } = timed;
      if (timed.deadline > now) next = Math.min(next, timed.deadline);
      else if (timed.killAt === undefined) {
        timed.killAt = now + grace;
        next = Math.min(next, timed.killAt);
        if (process) onOverdue(process, timed.id);
      } else if (timed.killAt > now) next = Math.min(next, timed.killAt);
      else if (process) onOverrun(process);
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#check(), Math.max(1, next - now));
  }
}
