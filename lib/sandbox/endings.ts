import { delay } from "../backoff.ts";
import type { Outcome } from "../invocation/outcome.ts";

/** How an invocation ends that its handler does not end, alike in every sandbox. */
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

/** Waits until nothing runs any more, at most `grace` milliseconds. */
export async function untilIdle(running: { readonly size: number }, grace: number): Promise<void> {
  const until = performance.now() + grace;
  while (running.size > 0 && performance.now() < until) await delay(10);
}
