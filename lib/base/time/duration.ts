import { WarrenError } from "../errors.ts";

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses a duration: a number of milliseconds, or a number with a unit, as in
 * `"250ms"`, `"1.5s"`, `"5m"`, `"2h"`, `"1d"`.
 *
 * @throws {WarrenError} `config`, with the value
 */
export function parseDuration(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(value.trim()) : null;
  const ms = match ? Number(match[1]) * UNITS[match[2] ?? "ms"] : NaN;
  if (Number.isFinite(ms)) return ms;
  throw new WarrenError(
    "config",
    `${Deno.inspect(value)} is not a duration: expected milliseconds or a number with ms, s, m, h or d, as in "30s"`,
  );
}

/** Formats a duration in the largest unit that needs at most two decimals: `"30s"`, `"1.5m"`, `"1234ms"`. */
export function formatDuration(ms: number): string {
  for (const [unit, size] of Object.entries(UNITS).reverse()) {
    const count = ms / size;
    if (count >= 1 && Number.isInteger(Math.round(count * 1e6) / 1e4)) return `${count}${unit}`;
  }
  return `${ms}ms`;
}
