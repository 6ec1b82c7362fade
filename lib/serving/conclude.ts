import type { RetryPolicy } from "../invocation/definition/definition.ts";
import type { Disposition, Failure, Outcome } from "../invocation/outcome.ts";
import { decide } from "../invocation/retry_policy.ts";

/** What happens to a row. */
export type Conclusion =
  | { readonly kind: "ack" }
  /** Returns to its place in the queue, unchanged. */
  | { readonly kind: "giveBack" }
  /** A copy goes to the end of the queue as the same attempt: it was a probe, and a failed probe costs no attempt. */
  | { readonly kind: "again"; readonly failure: Failure }
  /** An ordered message keeps its place and runs again here. A copy would arrive behind its successors. */
  | { readonly kind: "hold"; readonly delay: number; readonly attempt: number; readonly failure: Failure }
  | Disposition & { readonly kind: "retry" | "deadLetter" };

/** What a conclusion depends on besides the outcome. */
export interface Circumstances {
  readonly attempt: number;
  readonly retry: RetryPolicy;
  /** The function handles its messages in order. */
  readonly ordered: boolean;
  /** Running handlers are being aborted, so failures are not theirs. */
  readonly aborting: boolean;
  /** This message is the kill switch's probe. */
  readonly probe: boolean;
}

/** Decides what happens to a row. A pure function of how its invocation ended. */
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
