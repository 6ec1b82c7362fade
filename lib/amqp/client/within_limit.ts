import { WarrenError } from "../../base/errors.ts";
import { valueWithin } from "../../base/time/within.ts";

/**
 * The broker's answer, if it comes within `ms` milliseconds.
 *
 * @param say what is said when it does not
 * @throws {WarrenError} `unavailable`
 */
export function withinLimit<T>(answer: Promise<T>, ms: number, say: () => string): Promise<T> {
  return valueWithin(ms, answer, () => new WarrenError("unavailable", say()));
}
