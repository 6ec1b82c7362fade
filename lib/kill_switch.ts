/** When a function stops taking messages because they all fail. */
export interface KillSwitchConfig {
  /** Milliseconds that are looked back on. */
  readonly window: number;
  /** The share of failures that trips it, 0 to 1. */
  readonly errorRate: number;
  /** Fewer invocations than this in the window never trip it. */
  readonly minimum: number;
  /** Milliseconds from the trip to the probe. */
  readonly coolDown: number;
}

/** The window is cut into so many parts; whole parts leave it. */
const PARTS = 10;

interface Part {
  readonly index: number;
  failed: number;
  total: number;
}

/** Counts how invocations ended within a window of time that moves on. */
export class KillSwitch {
  readonly config: KillSwitchConfig;
  readonly #now: () => number;
  #parts: Part[] = [];

  /** @param now milliseconds, monotonic */
  constructor(config: KillSwitchConfig, now: () => number = () => performance.now()) {
    this.config = config;
    this.#now = now;
  }

  /** Counts one; whether too many have failed by now. */
  record(failed: boolean): boolean {
    const { window, errorRate, minimum } = this.config;
    const index = Math.floor(this.#now() / (window / PARTS));
    this.#parts = this.#parts.filter((part) => part.index > index - PARTS);
    let part = this.#parts.at(-1);
    if (part?.index !== index) this.#parts.push(part = { index, failed: 0, total: 0 });
    part.total++;
    if (failed) part.failed++;
    const total = this.#parts.reduce((sum, { total }) => sum + total, 0);
    const failures = this.#parts.reduce((sum, { failed }) => sum + failed, 0);
    return failed && total >= minimum && failures / total >= errorRate;
  }

  /** What was counted says nothing about what comes. */
  reset(): void {
    this.#parts = [];
  }
}
