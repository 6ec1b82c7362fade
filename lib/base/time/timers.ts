/** The time as serving sees it, so that a test can move it. */
export interface Timers {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Calls once after `ms` milliseconds. Returns what cancels that. */
  after(ms: number, call: () => void): () => void;
}

/** Longer timers fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** The machine's own time. */
export const TIMERS: Timers = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, MAX_TIMER));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` milliseconds, or at once when the signal aborts. */
export function sleep(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = timers.after(ms, done);
    signal.addEventListener("abort", done, { once: true });
  });
}
