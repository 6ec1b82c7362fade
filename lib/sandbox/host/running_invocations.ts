import type { Outcome } from "../../invocation/outcome.ts";
import type { Invocation, OnEnd } from "../../invocation/sandbox.ts";
import { RunningMap } from "../handler/running.ts";
import type { Timed } from "../limits/time_limits.ts";
import type { GuestProcess } from "../process/guest_process.ts";
import type { Member, Pool } from "./pool.ts";

/** An invocation that runs in a process, or waits for one. */
export interface RunningInvocation extends Timed {
  readonly invocation: Invocation;
  /** Invocations with the same number run as a batch. 0 means alone. A batch that runs again gets a new number. */
  batch: number;
  readonly onEnd: OnEnd<unknown>;
  readonly subject: unknown;
  /** Milliseconds since the epoch. When its time is over, as its process sees it. */
  endsAt: number;
  /** It ended together with others and now runs alone, so a crash is its own fault. */
  alone: boolean;
  /** Its signal was aborted early, since nobody waits for it any more. */
  cancelled: boolean;
  /** Somebody follows its message. */
  followed: boolean;
  /** Its own place in the pool, if it has one. */
  member: Member | undefined;
  /** Gives back the place that it shares, or that is outside of the pool. */
  leave: (() => void) | undefined;
}

/** The invocations of a sandbox from their beginning to their end, which each has once. */
export class RunningInvocations extends RunningMap<RunningInvocation> {
  readonly #pool: Pick<Pool, "give">;
  #nextId = 1;

  constructor(pool: Pick<Pool, "give">) {
    super();
    this.#pool = pool;
  }

  /** A number that no invocation and no batch has. */
  nextId(): number {
    return this.#nextId++;
  }

  /** @param batch its number, or 0 outside of batches */
  enter(invocation: Invocation, batch: number, onEnd: OnEnd<unknown>, subject: unknown): RunningInvocation {
    const id = this.#nextId++;
    const running: RunningInvocation = {
      id,
      invocation,
      batch,
      onEnd,
      subject,
      endsAt: 0,
      deadline: Infinity,
      killAt: undefined,
      late: 0,
      process: undefined,
      alone: false,
      cancelled: false,
      followed: false,
      member: undefined,
      leave: undefined,
    };
    this.set(id, running);
    return running;
  }

  /** The invocation with that id, if it runs in that process: none may settle what runs in another. */
  of(process: GuestProcess, id: number): RunningInvocation | undefined {
    const running = this.get(id);
    return running?.process === process ? running : undefined;
  }

  /** All that run in that process. */
  in(process: GuestProcess): RunningInvocation[] {
    return [...this.values()].filter((running) => running.process === process);
  }

  ofBatch(batch: number): readonly Invocation[] {
    return [...this.values()].filter((running) => running.batch === batch).map(({ invocation }) => invocation);
  }

  /** Ends it as its process reports. */
  end(running: RunningInvocation, outcome: Outcome): void {
    this.#remove(running);
    running.onEnd(outcome, running.subject);
  }

  /**
   * Ends it for another reason than its process reports. Calls back later, so that the caller is not surprised. No effect
   * if it has ended.
   */
  settle(id: number, outcome: Outcome): void {
    const running = this.get(id);
    if (!running) return;
    this.#remove(running);
    queueMicrotask(() => running.onEnd(outcome, running.subject));
  }

  /** It is not in its process any more, and gives its place back. It may run in another. */
  leave(running: RunningInvocation): void {
    if (running.process) running.process.running--;
    running.process?.once?.over(running.id);
    running.process = undefined;
    const { member, leave } = running;
    running.member = running.leave = undefined;
    if (member) this.#pool.give(member);
    leave?.();
  }

  #remove(running: RunningInvocation): void {
    this.delete(running.id);
    this.leave(running);
  }
}
