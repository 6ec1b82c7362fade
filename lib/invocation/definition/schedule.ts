import { Cron } from "croner";

/** When a function runs by itself. */
export interface Schedule {
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** An IANA time zone. */
  readonly timezone: string;
  /** What happens after runs were missed: one run for all of them, or none. */
  readonly missed: "once" | "skip";
}

/** A run that is later than this, in milliseconds, counts as missed. */
const LATE = 60_000;

/** @throws {Error} that says what is wrong with the pattern or the time zone */
export function assertSchedule({ cron, timezone }: Schedule): void {
  if (!new Cron(cron, { timezone, paused: true }).nextRun()) throw new Error(`"${cron}" never matches`);
}

/** The next time after `after`. Undefined if there is none. */
export function nextRun({ cron, timezone }: Schedule, after: Date): Date | undefined {
  return new Cron(cron, { timezone, paused: true }).nextRun(after) ?? undefined;
}

/**
 * The next run after the last one at `last`: in the future, or already due. Of several missed runs only the latest
 * runs, or none.
 */
export function dueAfter(schedule: Schedule, last: Date, now: Date): Date | undefined {
  const next = nextRun(schedule, last);
  if (!next || next.getTime() > now.getTime() - LATE) return next;
  if (schedule.missed === "skip") return nextRun(schedule, now);
  return new Cron(schedule.cron, { timezone: schedule.timezone, paused: true }).previousRuns(1, now)[0] ?? next;
}
