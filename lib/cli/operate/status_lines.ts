import { formatDuration } from "../../base/time/duration.ts";
import type { FleetStatus, FunctionStatus } from "../../invocation/insight/fleet_status.ts";
import { fit, printable } from "./printable.ts";

export interface StatusLinesOptions {
  /** @default false */
  color?: boolean;
  /** Columns; longer lines are cut. @default no limit */
  width?: number;
}

/** A line, and its color. */
interface Line {
  readonly text: string;
  readonly color?: keyof typeof COLORS;
}

const COLORS = { red: "\x1b[31m", yellow: "\x1b[33m", green: "\x1b[32m", dim: "\x1b[2m", bold: "\x1b[1m" };
const RESET = "\x1b[0m";
const COLUMNS = ["function", "state", "runners", "waiting", "running", "a minute", "failed"];

/** What people read of a status: what is wrong first, then functions, then runners. */
export function statusLines(status: FleetStatus, options: StatusLinesOptions = {}): string[] {
  const lines = [...troubleLines(status), ...functionLines(status), ...runnerLines(status)];
  return lines.map((line) => shown(line, options));
}

function troubleLines({ troubles }: FleetStatus): Line[] {
  if (troubles.length === 0) return [{ text: "healthy: nothing needs attention", color: "green" }, { text: "" }];
  const lines = troubles.flatMap(({ severity, title, reason, action }): Line[] => [
    { text: `${severity}: ${title}`, color: severity === "error" ? "red" : "yellow" },
    { text: `  ${reason}` },
    { text: `  what to do: ${action}` },
  ]);
  return [...lines, { text: "" }];
}

function functionLines({ functions }: FleetStatus): Line[] {
  if (functions.length === 0) return [{ text: "no functions", color: "dim" }, { text: "" }];
  const rows = functions.map(cells);
  const widths = COLUMNS.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, at) => at < 2 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])).join("  ").trimEnd();
  const below = ({ detail }: FunctionStatus): Line[] =>
    detail === undefined ? [] : [{ text: `  ${detail}`, color: "dim" }];
  const body = functions.flatMap((
    each,
    at,
  ): Line[] => [{ text: line(rows[at]), color: colorOf(each) }, ...below(each)]);
  return [{ text: line(COLUMNS), color: "bold" }, ...body, { text: "" }];
}

function cells(
  { name, state, serving, runners, waiting, running, perMinute, failedPerMinute }: FunctionStatus,
): string[] {
  return [
    name,
    state,
    `${serving}/${runners}`,
    waiting === undefined ? "-" : String(waiting),
    String(running),
    String(perMinute),
    String(failedPerMinute),
  ];
}

function colorOf({ state, failedPerMinute }: FunctionStatus): Line["color"] {
  if (["broken", "unavailable", "gone"].includes(state)) return "red";
  return state === "paused" || failedPerMinute > 0 ? "yellow" : undefined;
}

function runnerLines({ at, runners }: FleetStatus): Line[] {
  const width = Math.max("runner".length, ...runners.map(({ name }) => name.length));
  const rows = runners.map(({ name, version, startedAt, seenAt, gone, self, functions }): Line => {
    const up = gone ? `gone: last heard ${ago(at - seenAt)} ago` : `up ${ago(at - startedAt)}`;
    const asked = self ? ", answers this" : "";
    const count = functions.length === 1 ? "1 function" : `${functions.length} functions`;
    return { text: `${fit(name, width)}  ${version}, ${up}, ${count}${asked}`, color: gone ? "yellow" : undefined };
  });
  return [{ text: "runner", color: "bold" }, ...rows];
}

/** In the largest unit that fits, without a rest. */
function ago(ms: number): string {
  const units = [86_400_000, 3_600_000, 60_000, 1_000];
  const unit = units.find((unit) => ms >= unit) ?? 1_000;
  return formatDuration(Math.max(Math.floor(ms / unit), 0) * unit || 0);
}

function shown({ text, color }: Line, { color: colored = false, width = Infinity }: StatusLinesOptions): string {
  const plain = printable(text);
  const cut = plain.length > width ? fit(plain, width) : plain;
  return colored && color && cut !== "" ? `${COLORS[color]}${cut}${RESET}` : cut;
}
