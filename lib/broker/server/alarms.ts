import { statfsSync } from "node:fs";
import { type Memory, readMemory } from "./memory.ts";

export interface AlarmOptions {
  /** The folder whose disk is watched. */
  folder: string;
  /** Minimum free space in bytes. */
  diskFreeLimit: number;
  /** Memory limit of the process in bytes. Publishers wait from 80 % of it on. */
  memoryLimit: number;
  /** @default the process's own */
  memory?: Memory;
}

/** The share of the limit at which publishers wait. The rest is for data in transit and garbage. */
const SHARE = 0.8;
/** The share of V8's heap limit that may be used: at the limit V8 ends the process. */
const HEAP_SHARE = 0.7;
/** Above this share, consumers that do not settle get no more deliveries either. */
const HARD = 1.1;
/**
 * Milliseconds between garbage collections. The first one comes soon after much was released. The time doubles each
 * time that a collection did not help.
 */
const COLLECT = { soon: 2_000, late: 30_000 };
/** How many released messages count as much. */
const MUCH = 10_000;

/** Decides whether publishers must wait: the disk is nearly full or does not accept data, or memory is short. */
export class Alarms {
  /** Called with the problem, and with `undefined` when it is over. */
  onChange: (alarm: string | undefined) => void = () => {};
  /** Called when consumers may again have many unsettled deliveries. */
  onRelief: () => void = () => {};
  readonly #options: AlarmOptions;
  readonly #memory: Memory;
  #store: string | undefined;
  #current: string | undefined;
  #hard = false;
  #use = 0;
  #released = 0;
  /** The time of the last garbage collection, or the start of the alarm. */
  #since: number | undefined;
  #wait = COLLECT.soon;

  constructor(options: AlarmOptions) {
    this.#options = options;
    this.#memory = options.memory ?? readMemory();
    this.#measure();
  }

  get current(): string | undefined {
    return this.#current;
  }

  /** Whether memory is so short that consumers must settle before they get more. */
  get hard(): boolean {
    return this.#hard;
  }

  /** Memory use at the last check, relative to the level at which publishers wait (1). */
  get memoryUse(): number {
    return this.#use;
  }

  /** The error of the disk when it did not accept data. */
  storeProblem(problem: string | undefined): void {
    this.#store = problem;
    this.check();
  }

  /** Counts messages whose memory can be freed. */
  released(messages: number): void {
    this.#released += messages;
  }

  /** Checks disk and memory. */
  check(): void {
    this.#measure();
    if (this.#use > 1) this.#collect();
    else {
      this.#since = undefined;
      this.#released = 0;
      this.#wait = COLLECT.soon;
    }
    const hard = this.#use > HARD;
    const relieved = this.#hard && !hard;
    this.#hard = hard;
    if (relieved) this.onRelief();
    const alarm = this.#store !== undefined || this.#diskFree() < this.#options.diskFreeLimit
      ? "low on disk"
      : this.#use > 1
      ? "low on memory"
      : undefined;
    if (alarm === this.#current) return;
    this.#current = alarm;
    this.onChange(alarm);
  }

  #measure(): void {
    const { inUse, heap, heapLimit } = this.#memory.read();
    this.#use = Math.max(inUse / (SHARE * this.#options.memoryLimit), heap / (HEAP_SHARE * heapLimit));
  }

  /** While publishers wait, few allocations trigger V8's garbage collector, so it is called explicitly. */
  #collect(): void {
    this.#since ??= this.#memory.now();
    const wait = this.#released >= MUCH ? this.#wait : COLLECT.late;
    if (this.#memory.now() - this.#since < wait) return;
    this.#memory.collect();
    this.#measure();
    this.#released = 0;
    this.#wait = Math.min(this.#wait * 2, COLLECT.late);
    this.#since = this.#memory.now();
  }

  #diskFree(): number {
    const { bavail, bsize } = statfsSync(this.#options.folder);
    return bavail * bsize;
  }
}
