import type { FunctionStatus } from "../../invocation/insight/fleet_status.ts";
import type { Trouble } from "../../invocation/insight/operator_view.ts";
import type { Snapshot, TroubleLimits } from "./snapshot.ts";

/** The page of a function, as in `/functions/resize`. */
export function pageOf(name: string): string {
  return `/functions/${encodeURIComponent(name)}`;
}

/** What is wrong with functions, as runners announce them. */
export function functionTroubles({ functions }: Snapshot, limits: TroubleLimits): Trouble[] {
  return functions.flatMap((status) =>
    [stateTrouble(status), failing(status, limits)].filter((one) => one !== undefined)
  );
}

function stateTrouble(status: FunctionStatus): Trouble | undefined {
  const { name, state, detail } = status;
  const about = {
    severity: "error",
    function: name,
    href: pageOf(name),
    reason: detail ?? "no reason is known",
  } as const;
  switch (state) {
    case "broken": {
      const action = "repair its module or its configuration: it is loaded again when its file changes";
      return { ...about, kind: "broken", title: `${name} is broken`, action };
    }
    case "unavailable": {
      const action = "look at the broker, and at the rights of its user";
      return { ...about, kind: "unavailable", title: `${name} gets no messages`, action };
    }
    case "gone": {
      const reason = "every runner that had it is gone";
      const action = "start a runner that has this function";
      return { ...about, kind: "no-consumer", title: `${name} has no runner`, reason, action };
    }
    case "paused": {
      if (isPausedByOperator(status)) return undefined;
      const action = `repair what it depends on; it goes on by itself then, or now with: deno task resume ${name}`;
      return { ...about, kind: "kill-switch", title: `the kill switch paused ${name}`, action };
    }
    case "serving": {
      if (detail === undefined) return undefined;
      const action = "repair its file: an earlier version serves until then";
      return {
        ...about,
        severity: "warning",
        kind: "stale",
        title: `the newest version of ${name} does not serve`,
        action,
      };
    }
  }
}

/** Somebody wants it to be so; the words are those of pause_words.ts. */
export function isPausedByOperator({ state, detail }: Pick<FunctionStatus, "state" | "detail">): boolean {
  return state === "paused" && /(^|: )paused /.test(detail ?? "");
}

function failing(
  { name, perMinute, failedPerMinute }: FunctionStatus,
  { failures }: TroubleLimits,
): Trouble | undefined {
  if (failedPerMinute < failures || failedPerMinute * 2 < perMinute) return undefined;
  return {
    severity: "warning",
    kind: "failing",
    function: name,
    title: `${name} fails`,
    reason: `${failedPerMinute} of ${perMinute} invocations failed in the last minute`,
    action: "look at its dead letters and its log",
    href: pageOf(name),
  };
}

/** Functions whose process ends again and again. Records outlive a function that was removed: nobody can mend that one. */
export function crashLoops({ crashes, functions, now }: Snapshot, limits: TroubleLimits): Trouble[] {
  const there = new Set(functions.map(({ name }) => name));
  const recent = crashes.filter((run) => run.endedAt > now - limits.crashWindow && there.has(run.function));
  return [...Map.groupBy(recent, (run) => run.function)].flatMap(([name, runs]) => {
    if (runs.length < limits.crashes) return [];
    const newest = runs.reduce((one, other) => one.endedAt >= other.endedAt ? one : other);
    const dead = runs.filter(({ next }) => next.kind === "deadLetter").length;
    const became = dead === 0 ? "" : `; ${dead} of its messages became dead letters`;
    return {
      severity: "error" as const,
      kind: "crash-loop",
      function: name,
      title: `${name} crashes again and again`,
      reason: `its process ended ${runs.length} times in ${limits.crashWindow / 60_000} minutes${became}: ${
        newest.error?.message ?? "no reason is known"
      }`,
      action: "look at the message of one of these runs, and at the function's memory limit",
      href: pageOf(name),
      since: Math.min(...runs.map(({ endedAt }) => endedAt)),
    };
  });
}
