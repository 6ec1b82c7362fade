import type { Outcome } from "../../invocation/outcome.ts";

/** Outcomes that do not come from the handler, the same in every sandbox. */
export const CLOSED: Outcome = { kind: "abandoned", reason: "the sandbox is closed" };
export const STOPPED: Outcome = { kind: "abandoned", reason: "the runner stopped before the handler was done" };
export const CANCELLED: Outcome = { kind: "abandoned", reason: "it was cancelled before the handler began" };

/** @param timeout milliseconds */
export function timedOut(timeout: number): Outcome {
  return {
    kind: "timedOut",
    failure: { type: "TimeoutError", message: `the handler did not settle within ${timeout} ms` },
  };
}
