export interface EventuallyOptions {
  /** Milliseconds until it gives up. @default 10_000 */
  timeout?: number;
  /** Milliseconds between two tries. @default 20 */
  interval?: number;
  /** What is waited for, for the error. */
  what?: string;
}

/**
 * Calls `probe` until it neither throws nor gives `false`, `null` or `undefined`, and gives what it gave.
 * Fails after `timeout` with the last error as `cause`. A probe that hangs fails at the time-out too.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined | void>> {
  const { timeout = 10_000, interval = 20, what = "the condition" } = options;
  const deadline = performance.now() + timeout;
  let cause: unknown;
  do {
    try {
      const value = await within(Promise.resolve(probe()), deadline - performance.now());
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined | void>;
      }
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  } while (performance.now() < deadline);
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  throw new Error(`Waited ${timeout} ms for ${what}${why}`, { cause });
}

async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the probe did not answer")), Math.max(milliseconds, 0));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
