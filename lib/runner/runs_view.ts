import type { RunsView } from "../http/runs/runs_view.ts";
import type { Fleet } from "../invocation/insight/fleet.ts";
import { FleetFollow } from "../telemetry/fleet_follow.ts";
import { FleetHistories } from "../telemetry/history/fleet_histories.ts";
import type { Insight } from "../telemetry/insight.ts";
import { FleetRuns } from "../telemetry/runs/fleet_runs.ts";

/**
 * Runs and logs as the HTTP API sees them.
 *
 * @param fleet asks the other runners too. Without it, only this runner's own are there
 */
export function runsView(insight: Insight, fleet?: Fleet): RunsView {
  return fleet ? ofAll(insight, fleet) : ofThis(insight);
}

function ofAll({ runs, history, hub }: Insight, fleet: Fleet): RunsView {
  const found = new FleetRuns(fleet, runs);
  const histories = new FleetHistories(fleet, history);
  const live = new FleetFollow({ fleet, hub });
  return {
    runs: (query) => found.runs(query),
    run: (id) => found.run(id),
    story: (messageId) => found.story(messageId),
    errors: (name) => found.errors(name),
    lines: (query) => found.lines(query),
    history: (name) => histories.history(name),
    follow: (filter, signal) => live.follow(filter, signal),
  };
}

function ofThis({ runs, history }: Insight): RunsView {
  return {
    runs: (query) => runs.runs(query),
    run: (id) => runs.run(id),
    story: async (messageId) => {
      const { runs: items } = await runs.story({ up: [messageId], down: [messageId] });
      return { items, silent: [] };
    },
    errors: (name) => runs.errors(name),
    lines: (query) => runs.lines(query),
    history: (name) => Promise.resolve(history.history(name)),
    follow: (filter, signal) => runs.follow(filter, signal),
  };
}
