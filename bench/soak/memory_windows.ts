/** What one sample saw, in MB. */
export interface MemorySample {
  readonly runner: number;
  readonly broker: number;
  readonly functions: number;
}

export type Part = keyof MemorySample;
export const PARTS: readonly Part[] = ["runner", "broker", "functions"];

/** The samples of some minutes in three numbers, in MB. */
export interface Range {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** A median may grow by this factor from the first window to the last. */
const MOST_GROWTH = 1.1;
/** The largest sample may be this many times the smallest one. */
const MOST_SWING = 1.5;

/** @returns Nothing where there are no values */
export function rangeOf(values: readonly number[]): Range | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  return { min: sorted[0], median: sorted[Math.floor(sorted.length / 2)], max: sorted[sorted.length - 1] };
}

/** What makes memory flat: it neither grows from one window to the next, nor swings within them. */
export interface Flatness {
  /** The last window's median as a multiple of the first one's that counts. */
  readonly growth: number;
  /** The largest sample as a multiple of the smallest. */
  readonly swing: number;
  readonly flat: boolean;
}

/**
 * Where there are three windows or more, the first one does not count: the heap grows to its usual size meanwhile.
 *
 * @param all At least one
 */
export function flatness(all: readonly Range[]): Flatness {
  const windows = all.length < 3 ? all : all.slice(1);
  const [first, last] = [windows[0], windows[windows.length - 1]];
  const growth = last.median / first.median;
  const swing = Math.max(...windows.map(({ max }) => max)) / Math.min(...windows.map(({ min }) => min));
  return { growth, swing, flat: growth <= MOST_GROWTH && swing <= MOST_SWING };
}
