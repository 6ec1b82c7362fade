import { endsWithin } from "../../base/time/within.ts";
import type { Readiness } from "../../http/runner_view.ts";
import type { AnnouncedRunner } from "../../invocation/insight/fleet.ts";
import { functionStatuses } from "../../invocation/insight/fleet_status.ts";
import type { OperatorView, Trouble } from "../../invocation/insight/operator_view.ts";
import { DepthTrails } from "./depth_trails.ts";
import { type Snapshot, TROUBLE_LIMITS, type TroubleLimits } from "./snapshot.ts";
import { troublesIn } from "./troubles.ts";

/** Where a snapshot comes from. */
type Sources = Pick<OperatorView, "depths" | "orphans" | "runs"> & {
  readonly runners: () => readonly AnnouncedRunner[];
  readonly checks: () => Readiness["checks"];
};

export interface TroubleWatchOptions {
  sources: Sources;
  limits?: TroubleLimits;
  /** Milliseconds for which an answer is used. @default 2_000 */
  fresh?: number;
  /** Milliseconds for each source; what has no answer by then is taken as empty. @default 1_500 */
  patience?: number;
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number;
}

/** Crashes that are looked at. */
const MOST_CRASHES = 200;

/** What is wrong now. It is found out when somebody asks, and not more often than every few seconds however many ask. */
export class TroubleWatch {
  readonly #options: TroubleWatchOptions;
  readonly #limits: TroubleLimits;
  readonly #now: () => number;
  readonly #trails = new DepthTrails();
  #last: { readonly troubles: readonly Trouble[]; readonly until: number } | undefined;
  #looking: Promise<readonly Trouble[]> | undefined;

  constructor(options: TroubleWatchOptions) {
    this.#options = options;
    this.#limits = options.limits ?? TROUBLE_LIMITS;
    this.#now = options.now ?? Date.now;
  }

  /** Worst first; empty on a healthy day. It never rejects: what cannot be found out is left out. */
  async troubles(): Promise<readonly Trouble[]> {
    if (this.#last && this.#now() < this.#last.until) return this.#last.troubles;
    return await (this.#looking ??= this.#look().finally(() => this.#looking = undefined));
  }

  async #look(): Promise<readonly Trouble[]> {
    const troubles = troublesIn(await this.#snapshot(), this.#limits);
    this.#last = { troubles, until: this.#now() + (this.#options.fresh ?? 2_000) };
    return troubles;
  }

  async #snapshot(): Promise<Snapshot> {
    const { sources } = this.#options;
    const since = this.#now() - this.#limits.crashWindow;
    const [depths, orphans, crashed] = await Promise.all([
      this.#inTime(sources.depths(), []),
      this.#inTime(sources.orphans(), []),
      this.#inTime(sources.runs({ outcome: "crashed", since, limit: MOST_CRASHES }), { items: [], silent: [] }),
    ]);
    // With the depths as they were before: the trail tells how it was until now.
    const trails = this.#trails.all;
    if (depths.length > 0) this.#trails.take(depths);
    const runners = sources.runners();
    const functions = functionStatuses(runners, depths);
    const checks = sources.checks();
    return { now: this.#now(), checks, runners, functions, depths, trails, crashes: crashed.items, orphans };
  }

  async #inTime<T>(asked: Promise<T>, otherwise: T): Promise<T> {
    const found = asked.catch(() => otherwise);
    return await endsWithin(this.#options.patience ?? 1_500, found) ? await found : otherwise;
  }
}
