import { WarrenError } from "../errors.ts";

/** What is to be called when a signal aborts: thousands may wait for one, and it looks for a listener from the first on. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * The promise's value.
 *
 * @param say what is told when the signal aborts first
 * @throws {WarrenError} `unavailable`, once the signal aborts
 */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  say: () => string,
): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new WarrenError("unavailable", say()));
    if (signal.aborted) onAbort();
    const listening = listeningTo(signal);
    listening.add(onAbort);
    promise.then(resolve, reject).finally(() => listening.delete(onAbort));
  });
}

function listeningTo(signal: AbortSignal): Set<() => void> {
  let listening = waiting.get(signal);
  if (!listening) {
    const all = listening = new Set<() => void>();
    waiting.set(signal, all);
    signal.addEventListener("abort", () => all.forEach((onAbort) => onAbort()), { once: true });
  }
  return listening;
}
