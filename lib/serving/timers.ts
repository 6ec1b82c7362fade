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
