import type { Fleet } from "../../invocation/insight/fleet.ts";
import type { FunctionHistory, HistoryPoint } from "../../invocation/insight/run.ts";
import type { History } from "./history.ts";

const QUESTION = "histories";

/** The last hour of functions on all runners that share the broker. */
export class FleetHistories {
  readonly #fleet: Fleet;

  /** From here on, this runner answers the others. */
  constructor(fleet: Fleet, own: Pick<History, "history" | "histories">) {
    this.#fleet = fleet;
    fleet.answer(QUESTION, (payload) => {
      const { name } = payload as { name?: string };
      const found = name === undefined ? own.histories() : [own.history(name)];
      return found.filter((history) => history !== undefined);
    });
  }

  /** Undefined where no runner knows the function. */
  async history(name: string): Promise<FunctionHistory | undefined> {
    return (await this.#ask(name))[0];
  }

  histories(): Promise<FunctionHistory[]> {
    return this.#ask();
  }

  async #ask(name?: string): Promise<FunctionHistory[]> {
    const { answers } = await this.#fleet.ask<FunctionHistory[]>(QUESTION, { name });
    const byName = Map.groupBy(answers.flatMap(({ value }) => value), (history) => history.function);
    return [...byName.values()].map(together);
  }
}

/**
 * The same function on several runners, at the same times: counts are added. The median is the mean of their medians,
 * weighted by what ended there, and the 95th percentile that of the slowest: it is never shown better than it was.
 */
export function together(histories: readonly FunctionHistory[]): FunctionHistory {
  const [first, ...others] = histories;
  if (others.length === 0) return first;
  const byTime = Map.groupBy(histories.flatMap(({ points }) => points), ({ time }) => time);
  const points = [...byTime.values()].map(onePoint).sort((a, b) => a.time - b.time);
  return { ...first, points: points.slice(-first.points.length) };
}

function onePoint(points: readonly HistoryPoint[]): HistoryPoint {
  const sum = (key: "completed" | "failed" | "coldStarts") => points.reduce((all, point) => all + point[key], 0);
  return {
    time: points[0].time,
    completed: sum("completed"),
    failed: sum("failed"),
    coldStarts: sum("coldStarts"),
    p50: weightedMedian(points),
    p95: most(points.map(({ p95 }) => p95)),
    // All of them look at the same queue.
    ready: most(points.map(({ ready }) => ready)),
    dead: most(points.map(({ dead }) => dead)),
  };
}

function weightedMedian(points: readonly HistoryPoint[]): number | undefined {
  let [sum, ended] = [0, 0];
  for (const { p50, completed, failed } of points) {
    if (p50 === undefined) continue;
    sum += p50 * (completed + failed);
    ended += completed + failed;
  }
  return ended === 0 ? undefined : Math.round(10 * sum / ended) / 10;
}

function most(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
