import { join } from "node:path";
import type { Logger } from "../base/log.ts";
import type { Observer } from "../invocation/insight/ended.ts";
import type { Options } from "../settings/options.ts";
import { FollowedMessages } from "./following/followed_messages.ts";
import { completedLog } from "./completed_log.ts";
import { History } from "./history/history.ts";
import { Hub } from "./hub.ts";
import { observers } from "./observers.ts";
import { LocalRuns } from "./runs/local_runs.ts";
import { RunArchive } from "./runs/run_archive.ts";
import { RunRecorder } from "./runs/run_recorder.ts";

export interface InsightOptions {
  options: Pick<Options, "data" | "runsKeep" | "runsAge" | "runsBodies" | "logCompleted">;
  log: Logger;
  /** The name of this runner. */
  runner: string;
  /** Others that observe: metrics, traces. @default none */
  others?: readonly (Observer | undefined)[];
}

/** What is known of the invocations of one runner: their records, the last hour of each function, and what happens now. */
export class Insight {
  readonly observer: Observer;
  readonly hub = new Hub();
  readonly history = new History();
  readonly followed: FollowedMessages;
  readonly runs: LocalRuns;
  readonly #archive: RunArchive | undefined;
  readonly #recorder: RunRecorder;

  constructor({ options, log, runner, others = [] }: InsightOptions) {
    const { data, runsKeep: keep, runsAge: age, runsBodies: bodies, logCompleted } = options;
    const { hub, history } = this;
    const archive = this.#archive = keep === 0
      ? undefined
      : new RunArchive({ folder: join(data, "runs"), keep, age, log });
    const recorder = this.#recorder = new RunRecorder({ runner, archive, hub, bodies });
    this.runs = new LocalRuns({ archive, hub, leftOut: () => recorder.leftOut });
    this.followed = new FollowedMessages({ runner });
    this.observer = observers([recorder, history, this.followed, completedLog(log, logCompleted), ...others])!;
  }

  /** Records that could not be written, and successes that were not recorded. */
  records(): { lost: number; leftOut: number } {
    return { lost: this.#archive?.lost ?? 0, leftOut: this.#recorder.leftOut };
  }

  /** Writes the last records. */
  async close(): Promise<void> {
    await this.#archive?.close();
  }
}
