interface Limit {
  readonly controller: AbortController;
  readonly timer: ReturnType<typeof setTimeout>;
  /** By the monotonic clock, in milliseconds. */
  readonly begun: number;
  users: number;
}

/** The newest limit of each length. */
const limits = new Map<number, Limit>();

/**
 * Runs `work` with a signal that aborts after `ms` milliseconds, or up to a thirtieth of that later: all that begin
 * shortly after each other have one signal and one timer, since there may be thousands of them a second. Nothing of it
 * is left once the last of them has ended; `AbortSignal.timeout()` keeps its timer, and all that listens to it, until
 * the time is over.
 */
export async function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = limitOf(ms);
  limit.users++;
  try {
    return await work(limit.controller.signal);
  } finally {
    if (--limit.users === 0) {
      clearTimeout(limit.timer);
      if (limits.get(ms) === limit) limits.delete(ms);
    }
  }
}

/** Waits for a promise, but no longer than `ms` milliseconds; says whether it settled in that time. Its rejection passes on. */
export async function endsWithin(ms: number, promise: PromiseLike<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The promise's value, if it comes within `ms` milliseconds; else rejects with what `late` makes. */
export async function valueWithin<T>(ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

function limitOf(ms: number): Limit {
  const now = performance.now();
  const shared = ms / 30;
  const known = limits.get(ms);
  if (known && now - known.begun < shared) return known;
  const controller = new AbortController();
  const abort = () => controller.abort(new DOMException(`not done within ${ms} ms`, "TimeoutError"));
  const timer = setTimeout(abort, ms + shared);
  // As with `AbortSignal.timeout()`, a limit alone keeps no process alive.
  Deno.unrefTimer(timer);
  const limit = { controller, timer, begun: now, users: 0 };
  limits.set(ms, limit);
  return limit;
}
