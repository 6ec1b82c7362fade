import { Cron } from "croner";

/** When a function runs by itself. */
export interface Schedule {
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** An IANA name. */
  readonly timezone: string;
  /** What becomes of times at which no runner was there: one run for all of them, or none. */
  readonly missed: "once" | "skip";
}

/** A run that comes this much late, in milliseconds, was missed. */
const LATE = 60_000;

/** @throws {Error} that says what is wrong with the pattern or the time zone */
export function assertSchedule({ cron, timezone }: Schedule): void {
  if (!new Cron(cron, { timezone, paused: true }).nextRun()) throw new Error(`"${cron}" never comes`);
}

/** The next time after `after`; undefined where there is none. */
export function nextRun({ cron, timezone }: Schedule, after: Date): Date | undefined {
  return new Cron(cron, { timezone, paused: true }).nextRun(after) ?? undefined;
}

/**
 * What is due next, after the last run at `last`: a time to come, or one that is over and runs now. Of several that
 * were missed only the latest runs, or none.
 */
export function dueAfter(schedule: Schedule, last: Date, now: Date): Date | undefined {
  const next = nextRun(schedule, last);
  if (!next || next.getTime() > now.getTime() - LATE) return next;
  if (schedule.missed === "skip") return nextRun(schedule, now);
  return new Cron(schedule.cron, { timezone: schedule.timezone, paused: true }).previousRuns(1, now)[0] ?? next;
}
