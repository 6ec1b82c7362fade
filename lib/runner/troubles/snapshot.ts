import type { Readiness } from "../../http/runner_view.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import type { AnnouncedRunner } from "../../invocation/insight/fleet.ts";
import type { FunctionStatus } from "../../invocation/insight/fleet_status.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";
import type { RunSummary } from "../../invocation/insight/run.ts";

/** The depth of a function at a time. Times are milliseconds since 1970. */
export interface DepthSample {
  readonly at: number;
  readonly dead: number | undefined;
  /** Milliseconds. */
  readonly oldest: number | undefined;
}

/** All that troubles are found in, as it was at one moment. What could not be found out is empty. */
export interface Snapshot {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What this runner needs for its work. */
  readonly checks: Readiness["checks"];
  readonly runners: readonly AnnouncedRunner[];
  readonly functions: readonly FunctionStatus[];
  readonly depths: readonly Depth[];
  /** Earlier depths of each function, oldest first. */
  readonly trails: ReadonlyMap<string, readonly DepthSample[]>;
  /** Runs that crashed a short time ago, of all runners. */
  readonly crashes: readonly RunSummary[];
  readonly orphans: Awaited<ReturnType<OperatorView["orphans"]>>;
}

/** From when on something is a trouble. Times are in milliseconds. */
export interface TroubleLimits {
  /** Age of the oldest message from which on a backlog is old, unless it becomes younger. */
  readonly oldBacklog: number;
  /** How many times as old as usual a backlog is too old, from `youngBacklog` on. */
  readonly timesUsual: number;
  readonly youngBacklog: number;
  /** Time over which a backlog and dead letters are compared. */
  readonly window: number;
  /** Dead letters that are new in that time. */
  readonly newDead: number;
  /** Failures in a minute, if they are half of all invocations. */
  readonly failures: number;
  /** Crashes in `crashWindow`. */
  readonly crashes: number;
  readonly crashWindow: number;
}

export const TROUBLE_LIMITS: TroubleLimits = {
  oldBacklog: 5 * 60_000,
  timesUsual: 10,
  youngBacklog: 60_000,
  window: 10 * 60_000,
  newDead: 5,
  failures: 5,
  crashes: 3,
  crashWindow: 10 * 60_000,
};
