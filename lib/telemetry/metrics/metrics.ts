import process from "node:process";
import { endsWithin } from "../../base/time/within.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import { type MetricKey, METRICS, OTHER } from "../names.ts";
import { EventLoopDelay } from "./event_loop_delay.ts";
import type { Family, Labels, Sample } from "./family.ts";
import type { FunctionCounts } from "./function_counts.ts";
import { MessageMetrics } from "./message_metrics.ts";
import type { FunctionReading, Readings } from "./readings.ts";

export interface MetricsOptions {
  /** Functions with series of their own. */
  limit: number;
  /** Warren's version. */
  version: string;
  /** Milliseconds that the broker has to say what waits in the queues. @default 3_000 */
  patience?: number;
}

/** These have a series from the beginning, so that a query sees their first increase. */
const ALWAYS = ["completed", "failed", "timedOut", "crashed"];

/** The metrics of one runner: what was counted, and what is read whenever they are collected. */
export class Metrics {
  readonly observer: MessageMetrics;
  readonly eventLoopDelay = new EventLoopDelay();
  readonly #options: MetricsOptions;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.observer = new MessageMetrics(options.limit);
  }

  /** All metrics with their values now. What the broker does not say in time is left out. */
  async collect(readings: Readings): Promise<Family[]> {
    const measured = await this.#depths(readings);
    const functions = readings.functions();
    const names = new Set(functions.map(({ name }) => name));
    // A function may have been removed since it was measured.
    const depths = measured.filter((depth) => names.has(depth.function));
    const counts = this.observer.collect(names);
    return [
      ...counted(counts),
      ...this.#standing(functions, readings.memory()),
      ...this.#queues(depths),
      ...this.#runner(readings),
    ];
  }

  /** Ends what it measures by itself. */
  close(): void {
    this.eventLoopDelay.stop();
  }

  async #depths(readings: Readings): Promise<readonly Depth[]> {
    const asked = readings.depths().catch(() => []);
    return await endsWithin(this.#options.patience ?? 3_000, asked) ? await asked : [];
  }

  #standing(functions: readonly FunctionReading[], memory: ReadonlyMap<string, number>): Family[] {
    const alone = functions.filter(({ name }) => this.#labelOf(name) !== OTHER);
    return [
      family("state", alone.map(({ name, state }) => ({ labels: { function: name, state }, value: 1 }))),
      family("running", this.#summed(functions.map(({ name, running }) => [name, running]))),
      family("processes", this.#summed(functions.map(({ name, processes }) => [name, processes]))),
      family("memory", this.#summed(functions.map(({ name }) => [name, memory.get(name)]))),
    ];
  }

  #queues(depths: readonly Depth[]): Family[] {
    const column = (of: (depth: Depth) => number | undefined) =>
      depths.map((depth) => [depth.function, of(depth)] as const);
    const seconds = ({ oldest }: Depth) => oldest === undefined ? undefined : oldest / 1_000;
    return [
      family("queueReady", this.#summed(column(({ ready }) => ready))),
      family("queueUnacknowledged", this.#summed(column(({ unacknowledged }) => unacknowledged))),
      family("queueRetrying", this.#summed(column(({ retrying }) => retrying))),
      family("queueDead", this.#summed(column(({ dead }) => dead))),
      family("queueOldest", this.#summed(column(seconds), Math.max)),
      // A sum would hide the queue that has no consumer.
      family("queueConsumers", this.#summed(column(({ consumers }) => consumers), Math.min)),
    ];
  }

  #runner(readings: Readings): Family[] {
    const connections = readings.connections();
    const { lost, leftOut } = readings.records();
    return [
      family("connected", connections.map(({ name, connected }) => one(connected, { connection: name }))),
      family("blocked", connections.map(({ name, blocked }) => one(blocked, { connection: name }))),
      {
        spec: METRICS.eventLoopDelay,
        samples: [{ labels: {}, value: this.eventLoopDelay.read() }],
      },
      family("recordsLost", [one(lost)]),
      family("recordsSkipped", [one(leftOut)]),
      family("buildInfo", [one(1, { version: this.#options.version, deno: Deno.version.deno })]),
      family("startTime", [one(performance.timeOrigin / 1_000)]),
      family("residentMemory", [one(Deno.memoryUsage().rss)]),
      family("cpuSeconds", [one(cpuSeconds())]),
    ];
  }

  #labelOf(name: string): string {
    return this.observer.of(name).label;
  }

  /** A value for each function; those of the functions in `other` become one. */
  #summed(
    values: readonly (readonly [name: string, value: number | undefined])[],
    merge = (one: number, other: number) => one + other,
  ): Sample<number>[] {
    const byLabel = new Map<string, number>();
    for (const [name, value] of values) {
      if (value === undefined) continue;
      const label = this.#labelOf(name);
      const before = byLabel.get(label);
      byLabel.set(label, before === undefined ? value : merge(before, value));
    }
    return [...byLabel].map(([label, value]) => ({ labels: { function: label }, value }));
  }
}

function counted(all: readonly FunctionCounts[]): Family[] {
  const each = (of: (counts: FunctionCounts) => number) =>
    all.map((counts) => one(of(counts), { function: counts.label }));
  return [
    family("messages", all.flatMap(outcomesOf)),
    {
      spec: METRICS.duration,
      samples: all.map(({ label, duration }) => ({ labels: { function: label }, value: duration })),
    },
    { spec: METRICS.wait, samples: all.map(({ label, wait }) => ({ labels: { function: label }, value: wait })) },
    family("retries", each(({ retries }) => retries)),
    family("deadLetters", each(({ deadLetters }) => deadLetters)),
    family("returned", each(({ returned }) => returned)),
    family("coldStarts", each(({ coldStarts }) => coldStarts)),
    family("coldStartSeconds", each(({ coldStartTime }) => coldStartTime / 1_000)),
    family(
      "restarts",
      all.flatMap(({ label, restarts }) =>
        Object.entries(restarts).map(([reason, value]) => one(value, { function: label, reason }))
      ),
    ),
  ];
}

function outcomesOf({ label, outcomes }: FunctionCounts): Sample<number>[] {
  return Object.entries(outcomes)
    .filter(([outcome, value]) => value > 0 || ALWAYS.includes(outcome))
    .map(([outcome, value]) => one(value, { function: label, outcome }));
}

function family(key: Exclude<MetricKey, "duration" | "wait" | "eventLoopDelay">, samples: Sample<number>[]): Family {
  return { spec: METRICS[key], samples };
}

function one(value: number | boolean, labels: Labels = {}): Sample<number> {
  return { labels, value: Number(value) };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
