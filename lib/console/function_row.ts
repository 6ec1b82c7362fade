import type { FunctionState, FunctionView } from "../http/runner_view.ts";
import type { Depth } from "../invocation/insight/depth.ts";
import type { AnnouncedRunner } from "../invocation/insight/fleet.ts";
import type { Trouble } from "../invocation/insight/operator_view.ts";
import type { FunctionHistory } from "../invocation/insight/run.ts";

/** What is known of one function on all runners. Durations are in milliseconds. */
export interface FunctionRow {
  readonly name: string;
  readonly state: string;
  /** Why it does not serve. */
  readonly reason: string | undefined;
  readonly trouble: Trouble | undefined;
  readonly depth: Depth | undefined;
  readonly history: FunctionHistory | undefined;
  readonly running: number;
  readonly perMinute: number;
  readonly failedPerMinute: number;
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly coldStarts: number;
  /** How many runners serve it. */
  readonly runners: number;
}

/** What a row is made of. */
export interface RowSources {
  readonly views: readonly FunctionView[];
  readonly depths: readonly Depth[];
  readonly histories: readonly FunctionHistory[];
  readonly runners: readonly AnnouncedRunner[];
  readonly troubles: readonly Trouble[];
}

/** From what needs somebody to what needs nobody. */
const RANKS: Record<FunctionState, number> = {
  broken: 1,
  unavailable: 2,
  paused: 4,
  draining: 5,
  starting: 5,
  serving: 6,
  disabled: 7,
};
const UNKNOWN_RANK = 5;
/** How long ago a duration may have been measured to be shown as the present one. */
const RECENT = 5 * 60_000;

/** One row for each function that any runner knows, the one with the worst trouble first. */
export function functionRows(sources: RowSources): FunctionRow[] {
  const { views, depths, histories, runners, troubles } = sources;
  const view = new Map(views.map((one) => [one.name, one]));
  const depth = new Map(depths.map((one) => [one.function, one]));
  const history = new Map(histories.map((one) => [one.function, one]));
  // Troubles come worst first, so the first of a function is the one to show.
  const trouble = new Map(
    troubles.toReversed().flatMap((one) => one.function === undefined ? [] : [[one.function, one]]),
  );
  const announced = announcements(runners);
  const names = new Set([...view.keys(), ...announced.keys()]);
  return [...names].map((name) => {
    const own = view.get(name);
    const elsewhere = announced.get(name) ?? [];
    const worst = own ?? elsewhere.toSorted((a, b) => rankOf(a.state) - rankOf(b.state))[0];
    return {
      name,
      state: worst.state,
      reason: own ? own.error : elsewhere.find(({ state }) => state === worst.state)?.detail,
      trouble: trouble.get(name),
      depth: depth.get(name),
      history: history.get(name),
      running: elsewhere.length > 0 ? sum(elsewhere, "running") : own?.running ?? 0,
      perMinute: sum(elsewhere, "perMinute"),
      failedPerMinute: sum(elsewhere, "failedPerMinute"),
      ...durations(history.get(name)),
      coldStarts: (history.get(name)?.points ?? []).reduce((total, point) => total + point.coldStarts, 0),
      runners: elsewhere.length,
    };
  }).sort(byTrouble);
}

type Announced = AnnouncedRunner["functions"][number];

/** Of runners that are there, by the name of the function. */
function announcements(runners: readonly AnnouncedRunner[]): Map<string, Announced[]> {
  const found = new Map<string, Announced[]>();
  for (const { gone, functions } of runners) {
    for (const one of gone ? [] : functions) found.set(one.name, [...found.get(one.name) ?? [], one]);
  }
  return found;
}

function sum(all: readonly Announced[], key: "running" | "perMinute" | "failedPerMinute"): number {
  return all.reduce((total, one) => total + one[key], 0);
}

/** The newest that were measured. */
function durations(history: FunctionHistory | undefined): Pick<FunctionRow, "p50" | "p95"> {
  const newest = history?.points.at(-1)?.time ?? 0;
  const point = history?.points.findLast(({ time, p50 }) => p50 !== undefined && newest - time <= RECENT);
  return { p50: point?.p50, p95: point?.p95 };
}

function rankOf(state: string): number {
  return RANKS[state as FunctionState] ?? UNKNOWN_RANK;
}

function severity({ trouble, state }: FunctionRow): number {
  return trouble ? trouble.severity === "error" ? 0 : 3 : rankOf(state);
}

function byTrouble(a: FunctionRow, b: FunctionRow): number {
  return severity(a) - severity(b) || rankOf(a.state) - rankOf(b.state) || compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How rows can be sorted: by trouble, or the most of something first. */
export const SORTS: Record<string, (row: FunctionRow) => number> = {
  waiting: ({ depth }) => depth?.ready ?? 0,
  oldest: ({ depth }) => depth?.oldest ?? 0,
  running: ({ running }) => running,
  retrying: ({ depth }) => depth?.retrying ?? 0,
  dead: ({ depth }) => depth?.dead ?? 0,
  rate: ({ perMinute }) => perMinute,
  duration: ({ p95 }) => p95 ?? 0,
  errors: ({ perMinute, failedPerMinute }) => perMinute > 0 ? failedPerMinute / perMinute : 0,
};

/** The rows that a reader wants: those with a text in name, state or reason, in an order. */
export function selectRows(rows: readonly FunctionRow[], wish: { filter?: string; sort?: string }): FunctionRow[] {
  const part = (wish.filter ?? "").trim().toLowerCase();
  const found = rows.filter(({ name, state, reason = "" }) =>
    [name, state, reason].some((text) => text.toLowerCase().includes(part))
  );
  if (wish.sort === "name") return found.sort((a, b) => compare(a.name, b.name));
  const measure = wish.sort !== undefined && Object.hasOwn(SORTS, wish.sort) ? SORTS[wish.sort] : undefined;
  return measure ? found.sort((a, b) => measure(b) - measure(a)) : found;
}
