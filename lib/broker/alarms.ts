import { statfsSync } from "node:fs";

export interface AlarmOptions {
  /** The folder whose disk is watched. */
  folder: string;
  /** Bytes that must be free. */
  diskFreeLimit: number;
  /** Bytes that the process may have resident. */
  memoryLimit: number;
}

/** Whether publishers must wait: the disk is nearly full, or does not take what it is given, or memory is short. */
export class Alarms {
  /** Called with what is wrong, and with `undefined` when nothing is any more. */
  onChange: (alarm: string | undefined) => void = () => {};
  readonly #options: AlarmOptions;
  #store: string | undefined;
  #current: string | undefined;

  constructor(options: AlarmOptions) {
    this.#options = options;
  }

  get current(): string | undefined {
    return this.#current;
  }

  /** How near memory is to its limit: 1 is there. */
  get memoryUse(): number {
    return Deno.memoryUsage().rss / this.#options.memoryLimit;
  }

  /** What the disk said when it did not take the data. */
  storeProblem(problem: string | undefined): void {
    this.#store = problem;
    this.check();
  }

  /** Looks at the disk and at memory. */
  check(): void {
    const alarm = this.#store !== undefined || this.#diskFree() < this.#options.diskFreeLimit
      ? "low on disk"
      : this.memoryUse > 1
      ? "low on memory"
      : undefined;
    if (alarm === this.#current) return;
    this.#current = alarm;
    this.onChange(alarm);
  }

  #diskFree(): number {
    const { bavail, bsize } = statfsSync(this.#options.folder);
    return bavail * bsize;
  }
}
