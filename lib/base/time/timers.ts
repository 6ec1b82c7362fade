/** The clock and timers of serving, which tests can replace. */
export interface Timers {
  /** Monotonic time in milliseconds. */
  now(): number;
  /** Calls back once after `ms` milliseconds. Returns a function that cancels the call. */
  after(ms: number, call: () => void): () => void;
}

/** The longest timer that the platform supports. Longer ones would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** The system's clock. */
export const TIMERS: Timers = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, MAX_TIMER));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` milliseconds, or at once if the signal aborts. */
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
