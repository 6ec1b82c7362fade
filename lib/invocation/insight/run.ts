import type { OutcomeKind } from "../outcome.ts";
import type { Next } from "./ended.ts";

/** The record of one invocation of one message, as lists show it. Times are milliseconds since 1970. */
export interface RunSummary {
  /** Unique among all runners. Ids of one runner sort by time. */
  readonly id: string;
  readonly function: string;
  readonly version: string;
  /** The name of the runner that ran it. */
  readonly runner: string;
  readonly messageId?: string;
  readonly attempt: number;
  readonly outcome: Exclude<OutcomeKind, "abandoned">;
  readonly next: Next;
  /** When the message was published, if the message says so. */
  readonly queuedAt?: number;
  readonly receivedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly traceId?: string;
  readonly error?: { readonly type: string; readonly message: string };
  /** Bytes of the body. */
  readonly size: number;
  /** The id of the message whose handler published this one. */
  readonly parentId?: string;
  /** The ids of the messages that the handler published. */
  readonly published: readonly string[];
}

/** One line that a handler logged. */
export interface RunLogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A line of a log with the run that it is of. */
export interface RunLine {
  readonly runId: string;
  readonly function: string;
  readonly runner: string;
  readonly messageId?: string;
  readonly line: RunLogLine;
}

/** A run with all that is kept of it. */
export interface Run extends RunSummary {
  readonly stack?: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: Readonly<Record<string, unknown>>;
  /** The body as text, or as base64 where it is not UTF-8. Only kept with RUNS_BODIES=true. */
  readonly body?: { readonly text: string; readonly base64: boolean; readonly truncated: boolean };
  /** The first lines that the handler logged, and how many more there were. */
  readonly logs: readonly RunLogLine[];
  readonly logsLeftOut: number;
}

/** Which runs are wanted. All conditions must hold. */
export interface RunQuery {
  readonly function?: string;
  readonly messageId?: string;
  readonly outcome?: RunSummary["outcome"];
  /** Every outcome but `completed`. */
  readonly failed?: boolean;
  readonly traceId?: string;
  /** A text in the id, the error, a header or the body. */
  readonly text?: string;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Newest first. @default 50, at most 500 */
  readonly limit?: number;
}

/** Runs that failed alike: numbers, ids and quoted texts are taken out of the message. */
export interface ErrorGroup {
  readonly key: string;
  readonly function: string;
  readonly type: string;
  /** The message with its variable parts as `…`. */
  readonly message: string;
  /** The first line of the stack, if there is one. */
  readonly frame?: string;
  readonly count: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Ids of the newest runs. */
  readonly samples: readonly string[];
}

/** Numbers of one function in one step of time. */
export interface HistoryPoint {
  /** The beginning of the step, milliseconds since 1970. */
  readonly time: number;
  readonly completed: number;
  readonly failed: number;
  readonly coldStarts: number;
  /** Milliseconds that handlers took; undefined where none ended. */
  readonly p50?: number;
  readonly p95?: number;
  /** Messages that waited in the queue; undefined where it was not measured. */
  readonly ready?: number;
  readonly dead?: number;
}

/** The last hour of a function, oldest first, in steps of `step` milliseconds. */
export interface FunctionHistory {
  readonly function: string;
  readonly step: number;
  readonly points: readonly HistoryPoint[];
}
