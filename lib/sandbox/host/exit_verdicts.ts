import type { RunningInvocation } from "./running_invocations.ts";

/**
 * What becomes of an invocation whose process ended. `innocent`: it runs again as it was. `suspect`: it may be what ended
 * the process, or another one is; it runs again alone. `crashed` and `timedOut`: it ended the process.
 */
export type Verdict = "innocent" | "suspect" | "crashed" | "timedOut";

/** How a process ended. */
export interface ProcessExit {
  /** It was killed because a handler exceeded its time limit. */
  readonly overran: boolean;
  /** It still answered, so it was not stuck. */
  readonly responsive: boolean;
  /** Others ran in it that do not run again, since they were cancelled. */
  readonly cancelled: boolean;
}

type Judged = Pick<RunningInvocation, "alone" | "killAt">;

/** Decides for each invocation that ran in a process whether it ended it. */
export function exitVerdicts(inside: readonly Judged[], exit: ProcessExit): Verdict[] {
  if (exit.overran) return overrunVerdicts(inside, exit);
  const certain = (inside.length === 1 && !exit.cancelled) || inside[0]?.alone;
  return inside.map(() => certain ? "crashed" : "suspect");
}

/** In a process that was not stuck, each handler was slow by itself. */
function overrunVerdicts(inside: readonly Judged[], { responsive }: ProcessExit): Verdict[] {
  const overran = inside.filter(({ killAt }) => killAt !== undefined);
  const certain = responsive || overran.length === 1 || overran[0]?.alone;
  return inside.map(({ killAt }) => killAt === undefined ? "innocent" : certain ? "timedOut" : "suspect");
}
