import { WarrenError } from "../errors.ts";

/**
 * The promise's value.
 *
 * @param say what is told when the signal aborts first
 * @throws {WarrenError} `unavailable`, once the signal aborts
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  say: () => string,
): Promise<T> {
  if (!signal) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new WarrenError("unavailable", say()));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
