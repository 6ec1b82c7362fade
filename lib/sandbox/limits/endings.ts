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

/** @param reason how the process ended in which the handler ran */
export function crashed(reason: string): Outcome {
  const message = `the function's process ended while the handler ran: ${reason}`;
  return { kind: "crashed", failure: { type: "Crash", message } };
}
