import type { Run, RunLogLine, RunSummary } from "../../invocation/insight/run.ts";
import type { Next } from "../../invocation/insight/ended.ts";
import { formatDuration } from "../../base/time/duration.ts";
import { printable } from "../printable.ts";

/** The widths of all but the last column. */
const COLUMNS: readonly [title: string, width: number][] = [
  ["when", 24],
  ["run", 17],
  ["function", 20],
  ["outcome", 11],
  ["attempt", 7],
  ["took", 8],
  ["next", 18],
  ["message id", 36],
];

/** The head of the table of runs. */
export const listHead = row([...COLUMNS.map(([title]) => title), "error"]);

/** One line of that table. */
export function listRow(run: RunSummary): string {
  const { id, outcome, attempt, next, endedAt, messageId, error } = run;
  const took = `${endedAt - run.startedAt}ms`;
  const failure = error ? `${error.type}: ${error.message}` : "";
  return row([
    iso(endedAt),
    id,
    run.function,
    outcome,
    String(attempt),
    took,
    nextText(next),
    messageId ?? "-",
    failure,
  ]);
}

/** All of a run, for people. */
export function runText(run: Run): string {
  const { startedAt, endedAt, receivedAt, queuedAt, error, published } = run;
  const facts: [string, string | number | undefined][] = [
    ["run", run.id],
    ["function", `${run.function} (version ${run.version})`],
    ["runner", run.runner],
    ["message id", run.messageId],
    ["parent", run.parentId],
    ["trace", run.traceId],
    ["attempt", `${run.attempt}${run.redelivered ? ", redelivered" : ""}`],
    ["outcome", run.outcome],
    ["next", nextText(run.next)],
    ["published at", queuedAt && iso(queuedAt)],
    ["received at", iso(receivedAt)],
    ["started at", iso(startedAt)],
    ["ended at", `${iso(endedAt)}, after ${endedAt - startedAt}ms`],
    ["exchange", run.exchange],
    ["routing key", run.routingKey],
    ["error", error && `${error.type}: ${error.message}`],
    ["published", published.join(", ")],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(13)} ${value === undefined || value === "" ? "-" : value}`);
  if (run.stack) lines.push("", run.stack);
  lines.push("", "properties", ...fields(run.properties), "", "headers", ...fields(run.headers), "");
  lines.push(`body, ${run.size} bytes`, bodyText(run), "", "log", ...logText(run));
  return printable(lines.join("\n"));
}

/** A line that a handler logged. */
export function lineText({ time, level, message, fields }: RunLogLine, about: Record<string, unknown> = {}): string {
  const more = Object.entries({ ...about, ...fields }).filter(([, value]) => value !== undefined);
  const text = more.map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return printable(`${iso(time)} ${level.toUpperCase().padEnd(5)} ${message}${text.join("")}`);
}

function nextText(next: Next): string {
  switch (next.kind) {
    case "ack":
      return next.duplicate ? "duplicate" : "done";
    case "retry":
      return `retry in ${formatDuration(next.delay)}`;
    case "deadLetter":
      return "dead letter";
    case "return":
      return next.lost ? "taken back" : "went back";
  }
}

function fields(entries: Readonly<Record<string, unknown>>): string[] {
  const lines = Object.entries(entries).map(([name, value]) =>
    `  ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return lines.length > 0 ? lines : ["  none"];
}

function bodyText({ body }: Run): string {
  if (!body) return "  (not recorded: RUNS_BODIES is off)";
  return `${body.base64 ? `base64: ${body.text}` : body.text}${body.truncated ? "… (the rest is not recorded)" : ""}`;
}

function logText({ logs, logsLeftOut }: Run): string[] {
  const lines = logs.map((line) => `  ${lineText(line)}`);
  if (logsLeftOut > 0) lines.push(`  … and ${logsLeftOut} lines more`);
  return lines.length > 0 ? lines : ["  none"];
}

function row(cells: readonly string[]): string {
  return cells.map((cell, column) => {
    const text = printable(cell).replace(/\s+/g, " ");
    return text.padEnd(COLUMNS[column]?.[1] ?? 0);
  }).join("  ").trimEnd();
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
