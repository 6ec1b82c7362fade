import { WarrenError } from "../errors.ts";

/**
 * The promise's value, if it comes within `ms` milliseconds. What it does later is nobody's concern.
 *
 * @param say what is said when it does not
 * @throws {WarrenError} `unavailable`
 */
export async function withinLimit<T>(promise: Promise<T>, ms: number, say: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new WarrenError("unavailable", say())), ms);
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
