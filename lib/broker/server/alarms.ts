import { statfsSync } from "node:fs";
import { type Memory, readMemory } from "./memory.ts";

export interface AlarmOptions {
  /** The folder whose disk is watched. */
  folder: string;
  /** Bytes that must be free. */
  diskFreeLimit: number;
  /** Bytes that the process may have in use; publishers wait from 80 % of it on. */
  memoryLimit: number;
  /** @default the process's own */
  memory?: Memory;
}

/** The share of the limit from which on publishers wait: what they have on its way and garbage take the rest. */
const SHARE = 0.8;
/** The share of the heap's own limit that may be used: beyond the whole of it V8 ends the process. */
const HEAP_SHARE = 0.7;
/** Above this use of memory, consumers that settle nothing get nothing more either. */
const HARD = 1.1;
/**
 * Milliseconds until garbage is collected, and from one time to the next: soon where much was released, and then twice
 * as long each time that this did not help.
 */
const COLLECT = { soon: 2_000, late: 30_000 };
/** So many messages are much. */
const MUCH = 10_000;

/** Whether publishers must wait: the disk is nearly full, or does not take what it is given, or memory is short. */
export class Alarms {
  /** Called with what is wrong, and with `undefined` when nothing is any more. */
  onChange: (alarm: string | undefined) => void = () => {};
  /** Called when consumers may have more than they settle again. */
  onRelief: () => void = () => {};
  readonly #options: AlarmOptions;
  readonly #memory: Memory;
  #store: string | undefined;
  #current: string | undefined;
  #hard = false;
  #use = 0;
  #released = 0;
  /** When garbage was collected last, or else when the alarm began. */
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

  /** Whether memory is so short that even deliveries must wait for acks. */
  get hard(): boolean {
    return this.#hard;
  }

  /** How near memory is to where publishers wait, when it was last looked at: 1 is there. */
  get memoryUse(): number {
    return this.#use;
  }

  /** What the disk said when it did not take the data. */
  storeProblem(problem: string | undefined): void {
    this.#store = problem;
    this.check();
  }

  /** Counts messages that need no memory any more. */
  released(messages: number): void {
    this.#released += messages;
  }

  /** Looks at the disk and at memory. */
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

  /** While publishers wait little is allocated, and V8 collects garbage only when something is, unless it is asked to. */
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
