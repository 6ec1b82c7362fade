import { describeError, WarrenError } from "../base/errors.ts";
import { formatDuration, parseDuration } from "../base/time/duration.ts";
import { MAX_DELAY } from "./definition/publish_rules.ts";

/**
 * How long a message is held back, in milliseconds.
 *
 * @param name of the option, for the error
 * @throws {WarrenError} `config`
 */
export function readDelay(name: string, text: string): number {
  let delay: number;
  try {
    delay = parseDuration(text);
  } catch (cause) {
    throw new WarrenError("config", `${name}: ${describeError(cause)}`, { cause });
  }
  if (delay <= MAX_DELAY) return delay;
  throw new WarrenError("config", `${name}: expected at most ${formatDuration(MAX_DELAY)}, found ${text}`);
}

/** A message's priority. @throws {WarrenError} `config` */
export function readPriority(name: string, text: string): number {
  const priority = Number(text);
  if (/^\d+$/.test(text) && priority <= 255) return priority;
  throw new WarrenError("config", `${name}: expected a whole number from 0 to 255, found "${text}"`);
}
