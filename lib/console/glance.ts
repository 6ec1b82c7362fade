import type { RunnerView } from "../http/runner_view.ts";
import type { Depth } from "../invocation/insight/depth.ts";
import type { AnnouncedRunner } from "../invocation/insight/fleet.ts";
import type { Found, OperatorView, Trouble } from "../invocation/insight/operator_view.ts";
import type { RunSummary } from "../invocation/insight/run.ts";
import { type FunctionRow, functionRows } from "./function_row.ts";
import { KnownParts, NOTHING_FOUND } from "./known_parts.ts";

/** How many recent runs are asked for; those of hidden functions are left out of them. */
const RECENT_RUNS = 100;
/** Milliseconds for which what was found is good for every reader. */
const FRESH = 500;

/** All that the overview shows, of one moment. */
export interface Glance {
  readonly rows: readonly FunctionRow[];
  readonly troubles: readonly Trouble[];
  readonly runners: readonly AnnouncedRunner[];
  readonly runs: Found<RunSummary>;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[];
  /** What cannot be had now, and why. */
  readonly missing: readonly string[];
}

/** Looks at everything at once, and no more than twice in a second, however many readers there are. */
export class Glances {
  readonly #runner: RunnerView;
  readonly #operator: OperatorView;
  /** As they were known last. */
  #depths: readonly Depth[] = [];
  #last: { at: number; glance: Promise<Glance> } | undefined;

  constructor(runner: RunnerView, operator: OperatorView) {
    this.#runner = runner;
    this.#operator = operator;
  }

  look(): Promise<Glance> {
    const now = performance.now();
    if (!this.#last || now - this.#last.at > FRESH) {
      const glance = this.#look();
      this.#last = { at: now, glance };
      glance.catch(() => this.#last = undefined);
    }
    return this.#last.glance;
  }

  async #look(): Promise<Glance> {
    const operator = this.#operator;
    const parts = new KnownParts();
    const [depths, histories, troubles, runs] = await Promise.all([
      // With thousands of queues they may take longer than a page waits.
      parts.get("depths", operator.depths(), this.#depths),
      parts.get("the last hour", operator.histories(), []),
      parts.get("troubles", operator.troubles(), []),
      parts.get("recent runs", operator.runs({ limit: RECENT_RUNS }), NOTHING_FOUND),
    ]);
    this.#depths = depths;
    const runners = operator.runners();
    const rows = functionRows({ views: this.#runner.functions(), depths, histories, runners, troubles });
    const checks = this.#runner.ready().checks.filter(({ name }) => !name.startsWith("function "));
    return { rows, troubles, runners, runs, checks, missing: parts.missing };
  }
}
