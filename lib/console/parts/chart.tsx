/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import { count, duration, plural } from "../format.ts";
import type { FunctionHistory, HistoryPoint } from "../../invocation/insight/run.ts";

type Value = number | undefined;

/** What one plot shows, over the last hour. */
export interface Plot {
  readonly id: string;
  readonly title: string;
  /** The same in words, for everybody. */
  readonly words: string;
  /** How its values are written. */
  readonly unit: "count" | "ms";
  readonly times: readonly number[];
  readonly series: readonly {
    readonly label: string;
    readonly tone: "accent" | "bad" | "quiet";
    readonly values: readonly Value[];
  }[];
}

/** A line through values, of a box of 100 by `height`; gaps where nothing was measured, a dot between two of them. */
export function linePath(values: readonly Value[], most: number, height: number): string {
  const step = 100 / Math.max(1, values.length - 1);
  let path = "";
  let pen = "M";
  for (const [at, value] of values.entries()) {
    if (value === undefined) {
      pen = "M";
      continue;
    }
    path += `${pen}${round(at * step)} ${round(height - value / most * height)}`;
    if (pen === "M" && values[at + 1] === undefined) path += "h0";
    pen = "L";
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The greatest of all values, and no less than 1. */
function greatest(all: readonly (readonly Value[])[]): number {
  return all.flat().reduce<number>((most, value) => Math.max(most, value ?? 0), 1);
}

/** A word-sized plot of what ended in the last hour, and what failed of it. */
export function Sparkline({ history }: { history: FunctionHistory | undefined }) {
  const points = history?.points ?? [];
  const { ended, failed } = totals(points);
  if (points.length === 0 || ended === 0) return <span class="quiet">nothing ran</span>;
  const all = points.map((point) => point.completed + point.failed);
  const bad = points.map((point) => point.failed);
  const most = greatest([all]);
  const words = `${count(ended)} in the last hour, ${count(failed)} of them failed`;
  return (
    <svg class="spark" viewBox="0 -1 100 22" preserveAspectRatio="none" role="img" aria-label={words}>
      <path class="area" d={`${linePath(all, most, 20)}L100 20L0 20Z`} />
      <path class="line" d={linePath(all, most, 20)} />
      {failed > 0 && <path class="line bad" d={linePath(bad, most, 20)} />}
    </svg>
  );
}

export function totals(points: readonly HistoryPoint[]): { ended: number; failed: number } {
  const failed = points.reduce((sum, point) => sum + point.failed, 0);
  return { ended: points.reduce((sum, point) => sum + point.completed, failed), failed };
}

/** Throughput, durations and depth of a function. */
export function plotsOf(history: FunctionHistory | undefined): Plot[] {
  const points = history?.points ?? [];
  const times = points.map(({ time }) => time);
  const value = (key: keyof HistoryPoint) => points.map((point) => point[key]);
  const perMinute = (key: "completed" | "failed") => points.map((point) => point[key] * 60_000 / history!.step);
  const { ended, failed } = totals(points);
  return [
    {
      id: "throughput",
      title: "Messages a minute",
      words: ended === 0
        ? "Nothing ran in the last hour."
        : `${plural(ended, "invocation")} ended in the last hour; ${count(failed)} failed.`,
      unit: "count",
      times,
      series: [
        { label: "completed", tone: "accent", values: perMinute("completed") },
        { label: "failed", tone: "bad", values: perMinute("failed") },
      ],
    },
    {
      id: "duration",
      title: "Duration",
      words: durationWords(points),
      unit: "ms",
      times,
      series: [
        { label: "median", tone: "quiet", values: value("p50") },
        { label: "95th percentile", tone: "accent", values: value("p95") },
      ],
    },
    {
      id: "depth",
      title: "In the queues",
      words: depthWords(points),
      unit: "count",
      times,
      series: [
        { label: "waiting", tone: "accent", values: value("ready") },
        { label: "dead", tone: "bad", values: value("dead") },
      ],
    },
  ];
}

function durationWords(points: readonly HistoryPoint[]): string {
  const last = points.findLast(({ p95 }) => p95 !== undefined);
  if (!last) return "No duration was measured in the last hour.";
  const most = points.reduce((found, { p95 = 0 }) => Math.max(found, p95), 0);
  return `Half take less than ${duration(last.p50)} and 95 % less than ${duration(last.p95)}; ` +
    `the slowest step of the hour had ${duration(most)}.`;
}

function depthWords(points: readonly HistoryPoint[]): string {
  const measured = points.filter(({ ready }) => ready !== undefined);
  if (measured.length === 0) return "No depth was measured in the last hour.";
  const first = measured[0].ready!;
  const last = measured.at(-1)!;
  const most = measured.reduce((found, { ready }) => Math.max(found, ready!), 0);
  const trend = last.ready! > first ? "more than" : last.ready! < first ? "fewer than" : "as many as";
  return `${plural(last.ready!, "message")} ${last.ready === 1 ? "waits" : "wait"}, ${trend} an hour ago (${
    count(first)
  }); the most was ${count(most)}. ${count(last.dead)} dead.`;
}

/** What the script of the page draws from: times in seconds, gaps as null. */
export function plotData({ times, series }: Plot): string {
  return JSON.stringify([
    times.map((time) => Math.round(time / 1000)),
    ...series.map(({ values }) => values.map((value) => value === undefined ? null : Math.round(value * 100) / 100)),
  ]);
}

/** A plot with its words. Without a script it is a drawing; with one it can be pointed at. */
export function PlotFigure({ plot }: { plot: Plot }) {
  const { id, title, words, unit, series } = plot;
  const most = greatest(series.map(({ values }) => values));
  return (
    <figure
      class="plot"
      id={`plot-${id}`}
      data-unit={unit}
      data-series={JSON.stringify(series.map(({ label, tone }) => [label, tone]))}
    >
      <figcaption>
        <b>{title}</b>
        <span class="key">
          {series.map(({ label, tone }) => <span class={`tone-${tone}`}>{label}</span>)}
        </span>
      </figcaption>
      <div class="canvas" aria-hidden="true">
        <svg viewBox="0 -1 100 62" preserveAspectRatio="none">
          {series.map(({ tone, values }) => <path class={`line tone-${tone}`} d={linePath(values, most, 60)} />)}
        </svg>
      </div>
      <p class="words" id={`words-${id}`}>{words}</p>
      <span hidden class="plot-data" id={`data-${id}`} data-plot={`plot-${id}`}>{plotData(plot)}</span>
    </figure>
  );
}

/** The last hour as a table, in at most twelve steps. */
export function HistoryTable({ history }: { history: FunctionHistory | undefined }) {
  const points = history?.points ?? [];
  const each = Math.max(1, Math.ceil(points.length / 12));
  const steps = Array.from(
    { length: Math.ceil(points.length / each) },
    (_, at) => points.slice(at * each, (at + 1) * each),
  );
  return (
    <table>
      <caption class="hidden">The last hour in numbers</caption>
      <thead>
        <tr>
          {["From", "Completed", "Failed", "p50", "p95", "Waiting", "Dead"].map((name, at) => (
            <th scope="col" class={at > 0 ? "n" : undefined}>{name}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {steps.map((step) => {
          const last = step.at(-1)!;
          const { ended, failed } = totals(step);
          return (
            <tr>
              <th scope="row">
                <time datetime={new Date(step[0].time).toISOString()} data-form="clock">
                  {new Date(step[0].time).toISOString().slice(11, 19)}
                </time>
              </th>
              <td class="n">{count(ended - failed)}</td>
              <td class="n">{count(failed)}</td>
              <td class="n">{duration(last.p50)}</td>
              <td class="n">{duration(last.p95)}</td>
              <td class="n">{count(last.ready)}</td>
              <td class="n">{count(last.dead)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
