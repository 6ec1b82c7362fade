import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Ended, Observer } from "../../invocation/insight/ended.ts";
import type { FunctionHistory } from "../../invocation/insight/run.ts";
import { FunctionSeries, type SeriesOptions } from "./function_series.ts";

export interface HistoryOptions extends Partial<SeriesOptions> {
  /** Milliseconds of a step. @default 30_000 */
  step?: number;
  /** @default 120, which is an hour */
  steps?: number;
  /** Functions at most; of more, those that were quiet longest are forgotten. @default 2_000 */
  functions?: number;
  /** @default Date.now */
  now?: () => number;
}

/**
 * What each function did in the last hour, in this runner, in about four kilobytes a function. What is quiet for that long
 * is forgotten: a function that is gone leaves nothing.
 */
export class History implements Observer {
  readonly #series = new Map<string, FunctionSeries>();
  readonly #options: Required<HistoryOptions>;

  constructor({ step = 30_000, steps = 120, functions = 2_000, now = Date.now }: HistoryOptions = {}) {
    this.#options = { step, steps, functions, now };
  }

  /** A message that comes again since its delivery was lost has not been handled. */
  ended({ definition, outcome, next, startedAt, endedAt }: Ended): void {
    if (next.kind === "return") return;
    const failed = outcome.kind !== "completed";
    this.#of(definition.name, endedAt).ended(failed, Math.max(0, endedAt - startedAt), endedAt);
  }

  coldStart({ name }: FunctionDefinition): void {
    const now = this.#options.now();
    this.#of(name, now).coldStart(now);
  }

  /** What was found in a function's queues. */
  measured(name: string, { ready, dead }: { ready?: number; dead?: number }): void {
    if (ready === undefined && dead === undefined) return;
    const now = this.#options.now();
    this.#of(name, now).measured(ready, dead, now);
  }

  /** Undefined where nothing is known of it. */
  history(name: string): FunctionHistory | undefined {
    this.#forget();
    return this.#series.get(name)?.history(name, this.#options.now());
  }

  histories(): FunctionHistory[] {
    this.#forget();
    const now = this.#options.now();
    return [...this.#series].map(([name, series]) => series.history(name, now));
  }

  /** Invocations that ended in the last minute, and what of them failed. */
  perMinute(name: string): { ended: number; failed: number } {
    return this.#series.get(name)?.perMinute(this.#options.now()) ?? { ended: 0, failed: 0 };
  }

  #of(name: string, now: number): FunctionSeries {
    const known = this.#series.get(name);
    if (known) return known;
    if (this.#series.size >= this.#options.functions) this.#forget(this.#options.functions - 1);
    const series = new FunctionSeries(this.#options, now);
    this.#series.set(name, series);
    return series;
  }

  /** Those that were quiet for all the time that is shown, and of too many those that were quiet longest. */
  #forget(most = this.#options.functions): void {
    const { step, steps, now } = this.#options;
    const since = now() - step * steps;
    for (const [name, { last }] of this.#series) if (last < since) this.#series.delete(name);
    if (this.#series.size <= most) return;
    const byLast = [...this.#series].sort(([, a], [, b]) => a.last - b.last);
    for (const [name] of byLast.slice(0, this.#series.size - most)) this.#series.delete(name);
  }
}
