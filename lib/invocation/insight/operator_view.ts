import type { Depth } from "./depth.ts";
import type { AnnouncedRunner } from "./fleet.ts";
import type { PauseResult } from "./pause.ts";
import type { ErrorGroup, FunctionHistory, Run, RunLine, RunLogLine, RunQuery, RunSummary } from "./run.ts";

/** What was found on all runners, newest first. */
export interface Found<T> {
  readonly items: readonly T[];
  /** Names of runners that did not answer in time: their part is missing. */
  readonly silent: readonly string[];
  /** The time from which on all runners still keep their records, milliseconds since 1970. */
  readonly since?: number;
  /** Successes that were not recorded, since there were too many in a second. */
  readonly leftOut?: number;
}

/** Something that is wrong now, and what to do about it. */
export interface Trouble {
  readonly severity: "error" | "warning";
  /** The kind, as in `backlog`, `no-consumer`, `broken`. */
  readonly kind: string;
  readonly function?: string;
  readonly title: string;
  readonly reason: string;
  readonly action: string;
  /** A page of the console, as in `/functions/resize`. */
  readonly href?: string;
  /** Milliseconds since 1970. */
  readonly since?: number;
}

/** Something that just happened on a runner. */
export type LiveEvent =
  | { readonly kind: "run"; readonly run: RunSummary }
  | {
    readonly kind: "log";
    readonly function: string;
    readonly runner: string;
    readonly messageId?: string;
    readonly line: RunLogLine;
  };

/** Which of it is wanted. */
export interface LiveFilter {
  readonly function?: string;
  /** @default both */
  readonly kind?: LiveEvent["kind"];
}

/** For which runners, for how long, and who asks for it. */
export interface PauseRequest {
  /** Only in this runner. @default false */
  readonly here?: boolean;
  /** Milliseconds after which it ends by itself. Undefined: until somebody resumes it. */
  readonly for?: number;
  /** Who asks for it, to be shown to others. */
  readonly by?: string;
}

/** What those who operate runners see and do, over all runners that share the broker. */
export interface OperatorView {
  runs(query: RunQuery): Promise<Found<RunSummary>>;
  run(id: string): Promise<Run | undefined>;
  /** Every run of a message and of the messages that it gave rise to, oldest first. */
  story(messageId: string): Promise<Found<RunSummary>>;
  /** Of one function, or of all. */
  errors(name?: string): Promise<Found<ErrorGroup>>;
  /** The newest lines that handlers logged, oldest first. */
  lines(query: { readonly function?: string; readonly limit?: number }): Promise<Found<RunLine>>;
  histories(): Promise<readonly FunctionHistory[]>;
  history(name: string): Promise<FunctionHistory | undefined>;
  /** Of all functions, not older than a few seconds. */
  depths(): Promise<readonly Depth[]>;
  depth(name: string): Promise<Depth | undefined>;
  /** All runners that share the broker. This one first; those that are gone last. */
  runners(): readonly AnnouncedRunner[];
  /** Worst first; empty on a healthy day. */
  troubles(): Promise<readonly Trouble[]>;
  /**
   * What happens from now on, on all runners, until the signal aborts.
   *
   * @throws {Error} from the iteration, where the one who follows is too slow
   */
  follow(filter: LiveFilter, signal: AbortSignal): AsyncIterable<LiveEvent>;
  /**
   * Takes no more messages of a function; undefined where no runner has it bound.
   *
   * @throws {WarrenError} `unavailable` or `refused` where the broker cannot keep a pause for all runners
   */
  pause(name: string, request: PauseRequest): Promise<PauseResult | undefined>;
  /** Takes them again. Otherwise as `pause()`. */
  resume(name: string, request: Pick<PauseRequest, "here">): Promise<PauseResult | undefined>;
  /**
   * Runs a scheduled function now, with a message like that of a scheduled run. Resolves once the broker has it.
   *
   * @throws {WarrenError} `missing` where this runner has no such function, `config` where it has no schedule, `unroutable`
   * where its queue is not there, `unavailable` or `refused`
   */
  runNow(name: string): Promise<{ readonly messageId: string }>;
  /** Deletes what waits in the work queue of a function. Returns how many messages there were. */
  purgeQueue(name: string): Promise<number>;
  /** Takes a message that waits for its retry or its delay out of its queue. False if no such message waits. */
  cancel(messageId: string): Promise<boolean>;
  /** Queues of Warren that hold messages and belong to no function that this runner knows. */
  orphans(): Promise<readonly { readonly queue: string; readonly messages: number; readonly advice: string }[]>;
}
