import type { Readiness } from "../http/runner_view.ts";
import type { Depth } from "../invocation/insight/depth.ts";
import type { AnnouncedRunner, Fleet } from "../invocation/insight/fleet.ts";
import type {
  LiveEvent,
  LiveFilter,
  OperatorView,
  PauseRequest,
  Trouble,
} from "../invocation/insight/operator_view.ts";
import type { PauseResult } from "../invocation/insight/pause.ts";
import type { RunQuery } from "../invocation/insight/run.ts";
import { FleetFollow } from "../telemetry/fleet_follow.ts";
import { FleetHistories } from "../telemetry/history/fleet_histories.ts";
import type { Insight } from "../telemetry/insight.ts";
import { FleetRuns } from "../telemetry/runs/fleet_runs.ts";
import type { FleetPauses } from "./fleet/fleet_pauses.ts";
import type { Depths } from "./operating/depths.ts";
import type { OrphanWatch } from "./operating/orphans.ts";
import type { WaitingMessages } from "./operating/waiting_messages.ts";
import type { RunNow } from "./operating/run_now.ts";
import { TroubleWatch } from "./troubles/trouble_watch.ts";

export interface RunnerOperatorOptions {
  /** What is known of the runs of this runner. */
  insight: Pick<Insight, "runs" | "history" | "hub">;
  fleet: Fleet;
  pauses: Pick<FleetPauses, "pause" | "resume">;
  operating: {
    readonly depths: Pick<Depths, "all" | "one">;
    readonly orphans: Pick<OrphanWatch, "orphans">;
    readonly waiting: Pick<WaitingMessages, "purge" | "cancel">;
  };
  runNow: Pick<RunNow, "run">;
  /** What this runner needs for its work. */
  checks: () => Readiness["checks"];
}

/** What those who operate runners see and do, put together from the parts that do it. */
export class RunnerOperator implements OperatorView {
  readonly #options: RunnerOperatorOptions;
  readonly #runs: FleetRuns;
  readonly #histories: FleetHistories;
  readonly #live: FleetFollow;
  readonly #troubles: TroubleWatch;

  /** From here on, this runner answers the others. */
  constructor(options: RunnerOperatorOptions) {
    const { insight: { runs, history, hub }, fleet, checks } = options;
    this.#options = options;
    this.#runs = new FleetRuns(fleet, runs);
    this.#histories = new FleetHistories(fleet, history);
    this.#live = new FleetFollow({ fleet, hub });
    const sources = {
      runners: () => fleet.runners(),
      checks,
      depths: () => this.depths(),
      orphans: () => this.orphans(),
      runs: (query: RunQuery) => this.runs(query),
    };
    this.#troubles = new TroubleWatch({ sources });
  }

  runs(query: RunQuery): ReturnType<OperatorView["runs"]> {
    return this.#runs.runs(query);
  }

  run(id: string): ReturnType<OperatorView["run"]> {
    return this.#runs.run(id);
  }

  story(messageId: string): ReturnType<OperatorView["story"]> {
    return this.#runs.story(messageId);
  }

  errors(name?: string): ReturnType<OperatorView["errors"]> {
    return this.#runs.errors(name);
  }

  lines(query: { function?: string; limit?: number }): ReturnType<OperatorView["lines"]> {
    return this.#runs.lines(query);
  }

  histories(): ReturnType<OperatorView["histories"]> {
    return this.#histories.histories();
  }

  history(name: string): ReturnType<OperatorView["history"]> {
    return this.#histories.history(name);
  }

  follow(filter: LiveFilter, signal: AbortSignal): AsyncIterable<LiveEvent> {
    return this.#live.follow(filter, signal);
  }

  depths(): Promise<readonly Depth[]> {
    return this.#options.operating.depths.all();
  }

  depth(name: string): Promise<Depth | undefined> {
    return this.#options.operating.depths.one(name);
  }

  orphans(): ReturnType<OperatorView["orphans"]> {
    return this.#options.operating.orphans.orphans();
  }

  purgeQueue(name: string): Promise<number> {
    return this.#options.operating.waiting.purge(name);
  }

  async cancel(messageId: string): Promise<boolean> {
    return await this.#options.operating.waiting.cancel(messageId) !== undefined;
  }

  runNow(name: string): Promise<{ messageId: string }> {
    return this.#options.runNow.run(name);
  }

  runners(): readonly AnnouncedRunner[] {
    return this.#options.fleet.runners();
  }

  troubles(): Promise<readonly Trouble[]> {
    return this.#troubles.troubles();
  }

  pause(name: string, request: PauseRequest): Promise<PauseResult | undefined> {
    return this.#options.pauses.pause(name, request);
  }

  resume(name: string, request: Pick<PauseRequest, "here">): Promise<PauseResult | undefined> {
    return this.#options.pauses.resume(name, request);
  }
}
