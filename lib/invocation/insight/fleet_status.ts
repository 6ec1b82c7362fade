import type { Depth } from "./depth.ts";
import type { AnnouncedFunction, AnnouncedRunner } from "./fleet.ts";
import type { Trouble } from "./operator_view.ts";

/** One function over all runners. */
export interface FunctionStatus {
  readonly name: string;
  readonly queue?: string;
  /** The worst among the runners that have it; `gone` where none of them is left. */
  readonly state: string;
  /** Why, and on which runner where they differ. */
  readonly detail?: string;
  /** Runners that serve it, and those that have it. */
  readonly serving: number;
  readonly runners: number;
  readonly running: number;
  readonly perMinute: number;
  readonly failedPerMinute: number;
  /** Messages that wait in its queue; undefined where that is not known. */
  readonly waiting?: number;
}

/** How everything stands. Times are milliseconds since 1970. */
export interface FleetStatus {
  readonly at: number;
  /** There is no trouble. */
  readonly healthy: boolean;
  readonly runners: readonly AnnouncedRunner[];
  readonly functions: readonly FunctionStatus[];
  /** Worst first. */
  readonly troubles: readonly Trouble[];
}

/** From the worst to the best. */
const STATES = ["gone", "broken", "unavailable", "paused", "draining", "starting", "disabled", "serving"];

/** `f2` comes before `f10`. */
const COLLATOR = new Intl.Collator("en", { numeric: true });

interface Placed {
  readonly runner: AnnouncedRunner;
  readonly announced: AnnouncedFunction;
}

/** One row for each function: those that do not serve come first, then by name. */
export function functionStatuses(runners: readonly AnnouncedRunner[], depths: readonly Depth[] = []): FunctionStatus[] {
  const waiting = new Map(depths.map((depth) => [depth.function, depth.ready]));
  const statuses = [...placesOf(runners)].map(([name, places]): FunctionStatus => {
    const live = places.filter(({ runner }) => !runner.gone);
    const silent = ({ announced }: Placed) => Number(announced.detail === undefined);
    const [worst] = live.toSorted((a, b) => rank(a.announced) - rank(b.announced) || silent(a) - silent(b));
    const sum = (of: (announced: AnnouncedFunction) => number) =>
      live.reduce((total, { announced }) => total + of(announced), 0);
    return {
      name,
      queue: (worst ?? places[0]).announced.queue,
      state: worst?.announced.state ?? "gone",
      detail: detailOf(live, worst),
      serving: live.filter(({ announced }) => announced.state === "serving").length,
      runners: live.length,
      running: sum(({ running }) => running),
      perMinute: sum(({ perMinute }) => perMinute),
      failedPerMinute: sum(({ failedPerMinute }) => failedPerMinute),
      waiting: waiting.get(name),
    };
  });
  return statuses.sort((a, b) => rank(a) - rank(b) || COLLATOR.compare(a.name, b.name));
}

function placesOf(runners: readonly AnnouncedRunner[]): Map<string, Placed[]> {
  const places = new Map<string, Placed[]>();
  for (const runner of runners) {
    for (const announced of runner.functions) {
      const there = places.get(announced.name);
      if (there) there.push({ runner, announced });
      else places.set(announced.name, [{ runner, announced }]);
    }
  }
  return places;
}

function rank({ state }: Pick<FunctionStatus, "state">): number {
  return STATES.indexOf(state);
}

function detailOf(live: readonly Placed[], worst: Placed | undefined): string | undefined {
  if (!worst) return undefined;
  const { announced: { state, detail } } = worst;
  if (detail === undefined && state === "serving") return undefined;
  const alike = live.filter(({ announced }) =>
    announced.state === state && (state !== "serving" || announced.detail !== undefined)
  );
  if (alike.length === live.length) return detail;
  const [first, ...more] = alike.map(({ runner }) => runner.name);
  const where = `on ${first}${more.length > 0 ? ` and ${more.length} more` : ""}`;
  return detail === undefined ? where : `${where}: ${detail}`;
}
