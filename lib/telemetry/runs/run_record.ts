import type { Ended } from "../../invocation/insight/ended.ts";
import type { Run, RunLogLine, RunSummary } from "../../invocation/insight/run.ts";
import { PARENT_HEADER } from "../../invocation/publication.ts";
import { readTrace } from "../../invocation/trace_context.ts";
import { boundedFields, cut } from "./bounded.ts";

/** Characters. */
const MAX_ERROR = 2_048;
const MAX_STACK = 8_192;
const MAX_HEADERS = 8_192;
/** Ids of published messages; more are as many strangers. */
const MAX_PUBLISHED = 100;
/** Bytes of a body. */
const MAX_BODY = 16_384;

/** What a record has that the invocation's end does not tell. */
export interface RecordAbout {
  readonly id: string;
  /** The name of the runner. */
  readonly runner: string;
  readonly logs: readonly RunLogLine[];
  readonly logsLeftOut: number;
  /** Whether the body is kept. */
  readonly body: boolean;
}

/** The record of an invocation that ended: plain JSON of bounded size, a copy that keeps nothing else in memory. */
export function toRun(ended: Ended, { id, runner, logs, logsLeftOut, body }: RecordAbout): Run {
  const { definition, invocation, outcome, next, published, receivedAt, startedAt, endedAt } = ended;
  const { properties, headers, exchange, routingKey, redelivered, attempt } = invocation;
  const failure = outcome.kind === "completed" ? undefined : outcome.failure;
  return {
    id,
    function: definition.name,
    version: definition.version,
    runner,
    messageId: textOf(properties.messageId),
    attempt,
    outcome: outcome.kind,
    next,
    queuedAt: timeOf(properties.timestamp),
    receivedAt,
    startedAt,
    endedAt,
    traceId: readTrace(headers)?.traceId,
    error: failure && { type: failure.type, message: cut(failure.message, MAX_ERROR) },
    size: invocation.body.length,
    parentId: textOf(headers[PARENT_HEADER]),
    published: published.slice(0, MAX_PUBLISHED),
    stack: failure?.stack && cut(failure.stack, MAX_STACK),
    exchange,
    routingKey,
    redelivered,
    headers: boundedFields(headers, MAX_HEADERS),
    properties: boundedFields(properties as Record<string, unknown>, MAX_HEADERS),
    ...(body ? { body: bodyOf(invocation.body) } : {}),
    logs,
    logsLeftOut,
  };
}

/** What lists show of a run. */
export function toSummary(run: Run): RunSummary {
  const {
    stack: _stack,
    exchange: _exchange,
    routingKey: _routingKey,
    redelivered: _redelivered,
    headers: _headers,
    properties: _properties,
    body: _body,
    logs: _logs,
    logsLeftOut: _logsLeftOut,
    ...summary
  } = run;
  return summary;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function timeOf(value: unknown): number | undefined {
  const time = value instanceof Date ? value.getTime() : NaN;
  return Number.isNaN(time) ? undefined : time;
}

function bodyOf(bytes: Uint8Array): NonNullable<Run["body"]> {
  const truncated = bytes.length > MAX_BODY;
  const shown = bytes.subarray(0, MAX_BODY);
  try {
    // A character at the end of what is cut may be incomplete.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(shown, { stream: truncated });
    return { text, base64: false, truncated };
  } catch {
    return { text: shown.toBase64(), base64: true, truncated };
  }
}
