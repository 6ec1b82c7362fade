import { WarrenError } from "../../base/errors.ts";
import type { Found, LiveEvent, LiveFilter } from "../../invocation/insight/operator_view.ts";
import type { ErrorGroup, Run, RunLine, RunQuery, RunSummary } from "../../invocation/insight/run.ts";
import type { Hub } from "../hub.ts";
import type { RunArchive } from "./run_archive.ts";
import type { StoryAsk, StoryPart } from "./store/story.ts";

/** What one runner knows of runs. */
export interface RunSource {
  runs(query: RunQuery): Promise<Found<RunSummary>>;
  run(id: string): Promise<Run | undefined>;
  story(ask: StoryAsk): Promise<StoryPart>;
  errors(name?: string): Promise<Found<ErrorGroup>>;
  lines(query: { function?: string; limit?: number }): Promise<Found<RunLine>>;
}

export interface LocalRunsOptions {
  /** Undefined where no runs are recorded. */
  archive: Pick<RunArchive, "ask"> | undefined;
  hub: Hub;
  /** Successes that were not recorded, so far. */
  leftOut(): number;
}

/** The runs of this runner. */
export class LocalRuns implements RunSource {
  readonly #options: LocalRunsOptions;

  constructor(options: LocalRunsOptions) {
    this.#options = options;
  }

  /** Newest first. @throws {WarrenError} `missing` where no runs are recorded, `unavailable` where they cannot be read */
  async runs(query: RunQuery): Promise<Found<RunSummary>> {
    const found = await this.#archive.ask("runs", query);
    return { ...found, silent: [], leftOut: this.#options.leftOut() };
  }

  run(id: string): Promise<Run | undefined> {
    return this.#archive.ask("run", id);
  }

  story(ask: StoryAsk): Promise<StoryPart> {
    return this.#archive.ask("story", ask);
  }

  async errors(name?: string): Promise<Found<ErrorGroup>> {
    return { ...await this.#archive.ask("errors", name), silent: [] };
  }

  async lines(query: { function?: string; limit?: number }): Promise<Found<RunLine>> {
    return { items: await this.#archive.ask("lines", query), silent: [] };
  }

  follow(filter: LiveFilter, signal: AbortSignal): AsyncIterable<LiveEvent> {
    return this.#options.hub.follow(filter, signal);
  }

  get #archive(): Pick<RunArchive, "ask"> {
    const { archive } = this.#options;
    if (!archive) throw new WarrenError("missing", "this runner records no runs: its option RUNS_KEEP is 0");
    return archive;
  }
}
