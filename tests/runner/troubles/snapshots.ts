import type { Depth } from "../../../lib/invocation/insight/depth.ts";
import type { AnnouncedFunction, AnnouncedRunner } from "../../../lib/invocation/insight/fleet.ts";
import { functionStatuses } from "../../../lib/invocation/insight/fleet_status.ts";
import type { RunSummary } from "../../../lib/invocation/insight/run.ts";
import type { DepthSample, Snapshot } from "../../../lib/runner/troubles/snapshot.ts";
import { announced } from "../../amqp/fleet/fake_fleet.ts";

export const NOW = 100_000_000;

export function runnerOf(name: string, more: Partial<AnnouncedRunner> = {}): AnnouncedRunner {
  const base = { id: name, name, host: "h", version: "1", startedAt: 0, seenAt: NOW, gone: false, self: false };
  return { ...base, functions: [announced("hello")], ...more };
}

export function depthOf(name: string, more: Partial<Depth> = {}): Depth {
  return {
    function: name,
    queue: name,
    ready: 0,
    dead: 0,
    oldest: 0,
    consumers: 1,
    at: NOW,
    source: "broker",
    ...more,
  };
}

/** A run that ended when its process did. */
export function crashOf(name: string, more: Partial<RunSummary> = {}): RunSummary {
  const times = { receivedAt: NOW, startedAt: NOW, endedAt: NOW };
  const error = { type: "Crash", message: "out of memory" };
  const run = {
    id: "1",
    function: name,
    version: "1",
    runner: "one",
    attempt: 1,
    size: 0,
    published: [],
    ...times,
    error,
  };
  return { ...run, outcome: "crashed", next: { kind: "retry", delay: 1, attempt: 2 }, ...more };
}

/** A healthy day, but for what the test says. */
export function snapshotOf(more: Partial<Omit<Snapshot, "functions">> = {}): Snapshot {
  const runners = more.runners ?? [runnerOf("one", { self: true })];
  const depths = more.depths ?? [depthOf("hello")];
  return {
    now: NOW,
    checks: [{ name: "broker: consuming", ok: true }],
    crashes: [],
    orphans: [],
    trails: new Map(),
    ...more,
    runners,
    depths,
    functions: functionStatuses(runners, depths),
  };
}

/** One function in a state. */
export function functionAs(more: Partial<AnnouncedFunction>): Snapshot {
  return snapshotOf({ runners: [runnerOf("one", { functions: [announced("hello", more)] })] });
}

/** Depths of `hello`, each half a minute after the one before, up to now. */
export function trailOf(samples: readonly Partial<DepthSample>[]): ReadonlyMap<string, readonly DepthSample[]> {
  const trail = samples.map((sample, index) => {
    return { at: NOW - (samples.length - index) * 30_000, dead: 0, oldest: 0, ...sample };
  });
  return new Map([["hello", trail]]);
}
