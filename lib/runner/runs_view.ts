import type { RunsView } from "../http/runs/runs_view.ts";
import type { Insight } from "../telemetry/insight.ts";

/** The runs and logs of this runner, as its HTTP API sees them. */
export function runsView({ runs, history }: Insight): RunsView {
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
