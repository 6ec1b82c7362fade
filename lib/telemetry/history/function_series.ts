import type { FunctionHistory, HistoryPoint } from "../../invocation/insight/run.ts";
import { DurationCounts } from "./duration_counts.ts";

/** The numbers of a step, in their order. */
const COMPLETED = 0;
const FAILED = 1;
const COLD = 2;
const P50 = 3;
const P95 = 4;
const READY = 5;
const DEAD = 6;
const WIDTH = 7;

/** Slots of the last minute. */
const SLOTS = 12;
const SLOT = 5_000;

export interface SeriesOptions {
  /** Milliseconds of a step. */
  step: number;
  /** How many steps are kept. */
  steps: number;
}

/** One function's numbers: a ring of steps in one array, and the last minute in smaller slots. */
export class FunctionSeries {
  readonly #step: number;
  readonly #steps: number;
  readonly #values: Float32Array;
  readonly #durations = new DurationCounts();
  readonly #minute = new Uint32Array(2 * SLOTS);
  /** The number of the newest step, and of the newest slot. */
  #current: number;
  #slot: number;
  /** Milliseconds since 1970, of the last thing that happened. */
  #last: number;

  constructor({ step, steps }: SeriesOptions, now: number) {
    this.#step = step;
    this.#steps = steps;
    this.#values = new Float32Array(steps * WIDTH);
    this.#current = Math.floor(now / step);
    this.#slot = Math.floor(now / SLOT);
    this.#last = now;
    for (let index = 0; index < steps; index++) this.#clear(index);
  }

  /** When something happened last. */
  get last(): number {
    return this.#last;
  }

  ended(failed: boolean, duration: number, now: number): void {
    this.#turn(now);
    this.#last = now;
    this.#values[this.#at + (failed ? FAILED : COMPLETED)]++;
    this.#minute[2 * (this.#slot % SLOTS)]++;
    if (failed) this.#minute[2 * (this.#slot % SLOTS) + 1]++;
    this.#durations.add(duration);
  }

  coldStart(now: number): void {
    this.#turn(now);
    this.#last = now;
    this.#values[this.#at + COLD]++;
  }

  measured(ready: number | undefined, dead: number | undefined, now: number): void {
    this.#turn(now);
    this.#last = now;
    if (ready !== undefined) this.#values[this.#at + READY] = ready;
    if (dead !== undefined) this.#values[this.#at + DEAD] = dead;
  }

  /** What ended in the last minute, and what of it failed. */
  perMinute(now: number): { ended: number; failed: number } {
    this.#turn(now);
    let [ended, failed] = [0, 0];
    for (let slot = 0; slot < SLOTS; slot++) {
      ended += this.#minute[2 * slot];
      failed += this.#minute[2 * slot + 1];
    }
    return { ended, failed };
  }

  history(name: string, now: number): FunctionHistory {
    this.#turn(now);
    this.#sum();
    const first = this.#current - this.#steps + 1;
    const points = Array.from({ length: this.#steps }, (_, index) => this.#point(first + index));
    return { function: name, step: this.#step, points };
  }

  get #at(): number {
    return (this.#current % this.#steps) * WIDTH;
  }

  /** Goes on to the step and the slot of now. A clock that was set back stays in the newest. */
  #turn(now: number): void {
    const step = Math.floor(now / this.#step);
    if (step > this.#current) {
      this.#sum();
      this.#durations.clear();
      for (let next = Math.max(this.#current + 1, step - this.#steps + 1); next <= step; next++) {
        this.#clear(next % this.#steps);
      }
      this.#current = step;
    }
    const slot = Math.floor(now / SLOT);
    for (let next = Math.max(this.#slot + 1, slot - SLOTS + 1); next <= slot; next++) {
      this.#minute.fill(0, 2 * (next % SLOTS), 2 * (next % SLOTS) + 2);
    }
    this.#slot = Math.max(this.#slot, slot);
  }

  /** Of the durations of the newest step, only two numbers stay. */
  #sum(): void {
    if (this.#durations.total === 0) return;
    this.#values[this.#at + P50] = this.#durations.quantile(0.5)!;
    this.#values[this.#at + P95] = this.#durations.quantile(0.95)!;
  }

  #clear(index: number): void {
    this.#values.fill(0, index * WIDTH, index * WIDTH + P50);
    this.#values.fill(NaN, index * WIDTH + P50, (index + 1) * WIDTH);
  }

  #point(step: number): HistoryPoint {
    const at = (step % this.#steps) * WIDTH;
    const value = (index: number) => this.#values[at + index];
    const known = (index: number) => Number.isNaN(value(index)) ? undefined : Math.round(value(index) * 10) / 10;
    return {
      time: step * this.#step,
      completed: value(COMPLETED),
      failed: value(FAILED),
      coldStarts: value(COLD),
      p50: known(P50),
      p95: known(P95),
      ready: known(READY),
      dead: known(DEAD),
    };
  }
}
