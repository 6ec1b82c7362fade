interface Limit {
  readonly controller: AbortController;
  readonly timer: ReturnType<typeof setTimeout>;
  /** Monotonic time in milliseconds. */
  readonly begun: number;
  users: number;
}

/** The newest time limit of each length. */
const limits = new Map<number, Limit>();

/**
 * Runs `work` with a signal that aborts after `ms` milliseconds, or up to a thirtieth of that later. Calls that begin
 * shortly after each other share one signal and one timer, since there may be thousands per second. Both are released
 * when the last of them ends. `AbortSignal.timeout()` would keep its timer and listeners until the time is over.
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

/**
 * Waits for a promise for at most `ms` milliseconds, and returns whether it settled in that time. Passes on its
 * rejection.
 */
export async function endsWithin(ms: number, promise: PromiseLike<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The promise's value if it comes within `ms` milliseconds. Otherwise rejects with the error from `late`. */
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
  // Like `AbortSignal.timeout()`, this does not keep the process alive.
  Deno.unrefTimer(timer);
  const limit = { controller, timer, begun: now, users: 0 };
  limits.set(ms, limit);
  return limit;
}
