import { formatDuration } from "../../base/time/duration.ts";
import type { DryRunReport, PublishedMessage } from "../../dry_run/dry_run.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";

/** Characters of a body. */
const MAX_BODY = 2_000;
const LABEL = 11;

/** 0 for `completed`, 3 where the message became a dead letter without a retry, else 1. */
export function exitCode({ outcome }: Pick<DryRunReport, "outcome">): number {
  if (outcome === "completed") return 0;
  return outcome === "rejected" || outcome === "invalid" || outcome === "undecodable" ? 3 : 1;
}

/** A report for people: the outcome, and one line for each thing that would have been done. */
export function describeReport(report: DryRunReport, definition: Pick<FunctionDefinition, "queue">): string {
  const { outcome, duration, error, result, published, onceKeys } = report;
  return [
    `${outcome} after ${duration.toFixed(0)} ms`,
    ...(error ? [line("error", `${error.type}: ${error.message}`), ...stackOf(error.stack)] : []),
    ...(error?.issues ?? []).map(({ path, message }) => line("issue", path ? `${path}: ${message}` : message)),
    ...(result === undefined ? [] : [line("result", bodyText(result))]),
    ...published.map((output) => line("publishes", describeOutput(output))),
    ...onceKeys.map((key) => line("once", key)),
    line("then", describeNext(report, definition)),
  ].join("\n");
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(LABEL)}${text.replaceAll("\n", `\n  ${" ".repeat(LABEL)}`)}`;
}

/** Without its first line, which is the message. */
function stackOf(stack: string | undefined): string[] {
  return (stack ?? "").split("\n").filter((text) => /^\s+at /.test(text)).map((text) => line("", text.trim()));
}

function describeOutput({ exchange, routingKey, body, delay }: PublishedMessage): string {
  const route = exchange === "" ? `to queue ${routingKey}` : `to exchange ${exchange} with key ${routingKey}`;
  return `${route}${delay > 0 ? ` after ${formatDuration(delay)}` : ""}: ${bodyText(body)}`;
}

function bodyText(body: unknown): string {
  if (body instanceof Uint8Array) return `${body.length} bytes`;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return text.length > MAX_BODY ? `${text.slice(0, MAX_BODY)}… (${text.length} characters)` : text;
}

function describeNext({ next }: DryRunReport, { queue }: Pick<FunctionDefinition, "queue">): string {
  switch (next.kind) {
    case "ack":
      return "the message would be acknowledged";
    case "retry":
      return `the message would run again in ${formatDuration(next.delay)}, as attempt ${next.attempt}`;
    case "deadLetter":
      return `the message would go to ${deadLetterQueue(queue.name)} (${next.reason})`;
    case "return":
      return "the message would go back to its queue";
  }
}
