import type { AnnouncedRunner } from "../../invocation/insight/fleet.ts";
import type { Trouble } from "../../invocation/insight/operator_view.ts";
import { crashLoops, functionTroubles } from "./function_troubles.ts";
import { queueTroubles } from "./queue_troubles.ts";
import { type Snapshot, TROUBLE_LIMITS, type TroubleLimits } from "./snapshot.ts";

/** From the worst to the least: what stops everything, what stops a function, what grows, what can wait. */
const KINDS = [
  "broker",
  "no-consumer",
  "broken",
  "unavailable",
  "crash-loop",
  "kill-switch",
  "backlog",
  "failing",
  "dead-letters",
  "stale",
  "runner-gone",
  "orphans",
];

/** What is wrong in a snapshot, worst first; nothing on a healthy day. */
export function troublesIn(snapshot: Snapshot, limits: TroubleLimits = TROUBLE_LIMITS): Trouble[] {
  const found = [
    ...brokerTroubles(snapshot),
    ...functionTroubles(snapshot, limits),
    ...crashLoops(snapshot, limits),
    ...queueTroubles(snapshot, limits),
    ...snapshot.runners.flatMap(goneTrouble),
  ];
  return found.sort((a, b) => weight(a) - weight(b));
}

function weight({ severity, kind }: Trouble): number {
  return (severity === "error" ? 0 : KINDS.length) + KINDS.indexOf(kind);
}

/** What keeps this runner from its work beside its functions, which have troubles of their own. */
function brokerTroubles({ checks }: Snapshot): Trouble[] {
  const failed = checks.filter(({ name, ok, required = true }) => !ok && required && !name.startsWith("function "));
  return failed.map(({ name, detail }) => ({
    severity: "error",
    kind: "broker",
    title: `${name} is not ready`,
    reason: detail ?? "no reason is known",
    action: "look at the broker, its memory and its disk, and at the log of the runner that you asked",
  }));
}

function goneTrouble({ name, gone, seenAt }: AnnouncedRunner): Trouble[] {
  if (!gone) return [];
  return [{
    severity: "warning",
    kind: "runner-gone",
    title: `runner ${name} is gone`,
    reason: "it was not heard any more, and did not say goodbye",
    action: "find out why it ended, from its log and its container; it leaves this list after ten minutes",
    since: seenAt,
  }];
}
