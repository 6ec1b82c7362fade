import type { Found, LiveEvent, OperatorView } from "../../invocation/insight/operator_view.ts";
import type { ErrorGroup, RunLogLine } from "../../invocation/insight/run.ts";

/** A line of a log with the run that it is of. */
export interface RunLine {
  readonly runId: string;
  readonly function: string;
  readonly runner: string;
  readonly messageId?: string;
  readonly line: RunLogLine;
}

/** What the HTTP API needs of runs and logs. */
export interface RunsView extends Pick<OperatorView, "runs" | "run" | "story" | "history"> {
  /** Of one function, or of all. */
  errors(name?: string): Promise<Found<ErrorGroup>>;
  /** The newest lines that handlers logged, oldest first. */
  lines(query: { function?: string; limit?: number }): Promise<Found<RunLine>>;
  /** @throws {Error} from the iteration, where the one who follows is too slow */
  follow(filter: { function?: string; kind?: LiveEvent["kind"] }, signal: AbortSignal): AsyncIterable<LiveEvent>;
}
