/**
 * Runs `work` with a signal that aborts after `ms` milliseconds. Nothing of it is left once the work has ended:
 * `AbortSignal.timeout()` keeps its timer, and all that listens to it, until the time is over, which is much memory
 * where there are thousands of them a second.
 */
export async function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException(`not done within ${ms} ms`, "TimeoutError")), ms);
  // As with `AbortSignal.timeout()`, a limit alone keeps no process alive.
  Deno.unrefTimer(timer);
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
