import { WarrenError } from "../../base/errors.ts";

/** What is to be called when a signal aborts: it looks through all its listeners for each that comes and goes. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back once the signal aborts, or at once if it has. Returns a function that cancels. Suits thousands of callers.
 */
export function whenAborted(signal: AbortSignal, onAbort: () => void): () => void {
  if (signal.aborted) {
    onAbort();
    return () => {};
  }
  let all = waiting.get(signal);
  if (!all) {
    const calls = all = new Set<() => void>();
    waiting.set(signal, calls);
    signal.addEventListener("abort", () => calls.forEach((call) => call()), { once: true });
  }
  all.add(onAbort);
  return () => void all.delete(onAbort);
}

/**
 * The promise's value.
 *
 * @param say gives the error's text if the signal aborts first
 * @throws {WarrenError} `unavailable`, once the signal aborts
 */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  say: () => string,
): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const forget = whenAborted(signal, () => reject(new WarrenError("unavailable", say())));
    promise.then(resolve, reject).finally(forget);
  });
}
