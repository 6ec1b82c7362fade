import type { Ended, Logged, Observer } from "../../invocation/insight/ended.ts";
import type { Hub } from "../hub.ts";
import { LogLines, toLine } from "./log_lines.ts";
import type { RunArchive } from "./run_archive.ts";
import { RunIds } from "./run_id.ts";
import { toRun, toSummary } from "./run_record.ts";
import { Sampler, type SamplerOptions } from "./sampler.ts";

export interface RunRecorderOptions {
  /** The name of this runner, in each record. */
  runner: string;
  /** Undefined where no records are kept: then who looks on sees them, and nobody later. */
  archive: Pick<RunArchive, "write"> | undefined;
  hub: Hub;
  /** Whether bodies are kept. @default false */
  bodies?: boolean;
  /** Successes that are recorded; failures always are. @default 50 a second of a function, 500 in all */
  rate?: SamplerOptions;
  /** @default Date.now */
  now?: () => number;
}

const RATE: SamplerOptions = { perName: 50, inAll: 500 };

/**
 * Makes a record of each invocation that ended, with its log lines. A record costs about as much as a message, so that of
 * very many successes only the first of each second are recorded.
 */
export class RunRecorder implements Observer {
  readonly #options: RunRecorderOptions;
  readonly #now: () => number;
  readonly #ids = new RunIds();
  readonly #lines = new LogLines();
  readonly #sampler: Sampler;

  constructor(options: RunRecorderOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#sampler = new Sampler(options.rate ?? RATE);
  }

  /** Successes that were not recorded. */
  get leftOut(): number {
    return this.#sampler.leftOut;
  }

  ended(ended: Ended): void {
    const { outcome, definition, endedAt } = ended;
    if (outcome.kind === "completed" && !this.#sampler.take(definition.name, endedAt)) return;
    const { archive, hub, runner, bodies: body = false } = this.#options;
    if (!archive && hub.size === 0) return;
    const { lines: logs, leftOut: logsLeftOut } = this.#lines.of(ended.invocation);
    const run = toRun(ended, { id: this.#ids.next(endedAt), runner, logs, logsLeftOut, body });
    archive?.write(run);
    if (hub.size > 0) hub.publish({ kind: "run", run: toSummary(run) });
  }

  logged(logged: Logged): void {
    const { hub, archive, runner } = this.#options;
    const { invocations, definition } = logged;
    if (hub.size === 0 && (!archive || invocations.length === 0)) return;
    const line = toLine(logged, this.#now());
    this.#lines.add(logged, line);
    if (hub.size === 0) return;
    const messageId = invocations.length === 1 ? invocations[0].properties.messageId : undefined;
    hub.publish({ kind: "log", function: definition.name, runner, messageId, line });
  }
}
