import type { RetryPolicy } from "../invocation/definition/definition.ts";
import type { Disposition, Failure, Outcome } from "../invocation/outcome.ts";
import { decide } from "../invocation/retry_policy.ts";

/** What becomes of a row. */
export type Conclusion =
  | { readonly kind: "ack" }
  /** Back to its place in the queue, untouched. */
  | { readonly kind: "giveBack" }
  /** A copy as the same attempt at the end of the queue: it was a probe, and a failed probe costs no attempt. */
  | { readonly kind: "again"; readonly failure: Failure }
  /** An ordered message keeps its place, and runs again here. A copy would come back behind its successors. */
  | { readonly kind: "hold"; readonly delay: number; readonly attempt: number; readonly failure: Failure }
  | Disposition & { readonly kind: "retry" | "deadLetter" };

/** What a conclusion depends on beside the outcome. */
export interface Circumstances {
  readonly attempt: number;
  readonly retry: RetryPolicy;
  /** Messages of its function keep their order. */
  readonly ordered: boolean;
  /** What runs is being aborted, so that a failure is not the handler's. */
  readonly aborting: boolean;
  /** The message decides whether the kill switch lets the function go on. */
  readonly probe: boolean;
}

/** What becomes of a row: a pure function of how its invocation ended. */
export function conclude(
  outcome: Outcome,
  { attempt, retry, ordered, aborting, probe }: Circumstances,
  random = Math.random,
): Conclusion {
  if (outcome.kind === "completed") return { kind: "ack" };
  if (outcome.kind === "abandoned" || aborting) return { kind: "giveBack" };
  if (probe && blamesDependency(outcome)) {
    return ordered ? { kind: "giveBack" } : { kind: "again", failure: outcome.failure };
  }
  const disposition = decide(outcome, attempt, retry, random);
  if (disposition.kind !== "retry") return disposition as Conclusion;
  return ordered ? { ...disposition, kind: "hold" } : disposition;
}

/**
 * Whether a failure may be the fault of what the function depends on. What is wrong with a message says nothing about
 * that, and a message that must not run again has not run.
 */
export function blamesDependency(outcome: Outcome): boolean {
  return outcome.kind === "failed" || outcome.kind === "timedOut" || (outcome.kind === "crashed" && !outcome.final);
}
