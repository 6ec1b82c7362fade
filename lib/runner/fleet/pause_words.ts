import type { Pause } from "../../invocation/insight/pause.ts";
import type { PauseScope } from "../../serving/pauses.ts";

/** As in `paused for all runners by ann since 2026-11-27T08:00:00Z, until 2026-11-27T09:00:00Z`. */
export function describePause(scope: PauseScope, { by, at, until }: Pause): string {
  const parts = [
    scope === "here" ? "paused in this runner" : "paused for all runners",
    ...(by === undefined ? [] : [`by ${by}`]),
    ...(at === undefined ? [] : [`since ${time(at)}`]),
  ];
  return parts.join(" ") + (until === undefined ? "" : `, until ${time(until)}`);
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
