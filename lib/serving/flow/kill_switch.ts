import { formatDuration } from "../../base/time/duration.ts";
import { TIMERS, type Timers } from "../../base/time/timers.ts";

/** When a function stops taking messages because too many fail. */
export interface KillSwitchConfig {
  /** Length of the window in milliseconds. */
  readonly window: number;
  /** The share of failures that trips the switch, 0 to 1. */
  readonly errorRate: number;
  /** The minimum number of invocations in the window for a trip. */
  readonly minimum: number;
  /** Milliseconds from the trip to the probe. */
  readonly coolDown: number;
}

/** The callbacks of a kill switch. */
export interface Switched {
  /** Stop taking messages. */
  trip(why: string): void;
  /** Take one message, to check whether the problem is over. */
  probe(): void;
  /** The probe completed: take messages again. */
  recover(): void;
}

/** The time between two state changes of a kill switch. Only invocations that began in the current era count. */
export type Era = Readonly<Record<never, never>>;

/** The window is divided into this many slices, and expires slice by slice. */
const PARTS = 10;

interface Part {
  readonly index: number;
  failed: number;
  total: number;
}

/**
 * Counts how invocations ended within a moving window of time. When too many have failed it trips, waits, and lets one
 * message, the probe, decide whether the function goes on. Invocations that began before a trip decide nothing after it.
 */
export class KillSwitch {
  readonly #config: KillSwitchConfig;
  readonly #switched: Switched;
  readonly #timers: Timers;
  #parts: Part[] = [];
  #cancelProbe: (() => void) | undefined;
  #probing = false;
  #era: Era = {};

  constructor(config: KillSwitchConfig, switched: Switched, timers: Timers = TIMERS) {
    this.#config = config;
    this.#switched = switched;
    this.#timers = timers;
  }

  /** The current era. Keep it with each invocation that begins. */
  get era(): Era {
    return this.#era;
  }

  /** Whether an invocation from that era decides whether the function continues. */
  isProbe(era: Era | undefined): boolean {
    return this.#probing && era === this.#era;
  }

  /** True from the trip until the recovery or a reset. */
  get tripped(): boolean {
    return this.#probing || this.#cancelProbe !== undefined;
  }

  /** Counts one invocation if it began in the current era. */
  record(failed: boolean, era: Era | undefined): void {
    if (era !== this.#era) return;
    if (this.#probing) return failed ? this.#trip("the probe failed too") : this.#recover();
    const { window, errorRate, minimum } = this.#config;
    const index = Math.floor(this.#timers.now() / (window / PARTS));
    this.#parts = this.#parts.filter((part) => part.index > index - PARTS);
    let part = this.#parts.at(-1);
    if (part?.index !== index) this.#parts.push(part = { index, failed: 0, total: 0 });
    part.total++;
    if (failed) part.failed++;
    const total = this.#parts.reduce((sum, { total }) => sum + total, 0);
    const failures = this.#parts.reduce((sum, { failed }) => sum + failed, 0);
    if (failed && total >= minimum && failures / total >= errorRate) {
      this.#trip(`${errorRate * 100} % or more failed within ${formatDuration(window)}`);
    }
  }

  /** Resets the switch: discards all counts. */
  reset(): void {
    this.#cancelProbe?.();
    this.#cancelProbe = undefined;
    this.#probing = false;
    this.#parts = [];
    this.#era = {};
  }

  #trip(why: string): void {
    this.reset();
    const { coolDown } = this.#config;
    this.#cancelProbe = this.#timers.after(coolDown, () => this.#probe());
    this.#switched.trip(`${why}; one message is tried in ${formatDuration(coolDown)}`);
  }

  #probe(): void {
    this.reset();
    this.#probing = true;
    this.#switched.probe();
  }

  #recover(): void {
    this.reset();
    this.#switched.recover();
  }
}
