import type { Logger } from "../../base/log.ts";
import type { Reaper } from "./reaper.ts";

/** Milliseconds between two checks of the processes that work. */
const INTERVAL = 100;
/** Idle processes are checked this many times more rarely: a timer that a handler left behind may allocate too. */
const IDLE_LOOKS = 5;
/** After this many checks in a row that do not find a running process, the log says that it is not watched. */
const MISSED_LOOKS = 3;

/** A process whose memory is watched. */
export interface Watched {
  readonly pid: number;
  /** The function that it runs. */
  readonly name: string;
  /** Limit of the resident memory in bytes. */
  readonly memory: number;
  readonly busy: boolean;
  /** The process exceeded the limit. */
  onExceeded(bytes: number): void;
}

export interface MemoryWatchOptions {
  /** Reads how much memory processes use. */
  reaper: Pick<Reaper, "start" | "residentMemory">;
  log: Logger;
  /** @default Deno.build.os */
  os?: typeof Deno.build.os;
}

/**
 * Looks at the resident memory of processes, most often while they work. V8's own limit does not count what is outside
 * its heap, as buffers are. Only Linux tells it without a program being run; elsewhere V8's limit stands alone.
 */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #processes = new Set<Watched>();
  readonly #missed = new Map<Watched, number>();
  /** Resident bytes, as they were seen last. */
  readonly #resident = new Map<Watched, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #looks = 0;
  #looking = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  get #linux(): boolean {
    return (this.#options.os ?? Deno.build.os) === "linux";
  }

  /** Finds out whether memory can be watched here, and logs if it cannot. */
  async start(): Promise<void> {
    const { log, os = Deno.build.os, reaper } = this.#options;
    const why = this.#linux ? "no shell can read it below /proc" : `${os} does not tell it`;
    if (this.#linux && await reaper.start()) return;
    log.warn(
      `the memory of the functions' processes is not watched: ${why}. \`memory\` bounds only the heap of each; ` +
        "buffers are outside of it",
    );
  }

  /** Resident bytes of the processes of each function, as they were seen last. */
  resident(): Map<string, number> {
    const bytes = new Map<string, number>();
    for (const [{ name }, resident] of this.#resident) bytes.set(name, (bytes.get(name) ?? 0) + resident);
    return bytes;
  }

  add(process: Watched): void {
    if (!this.#linux) return;
    this.#processes.add(process);
    this.#timer ??= setInterval(() => void this.#look(), INTERVAL);
  }

  delete(process: Watched): void {
    this.#processes.delete(process);
    this.#missed.delete(process);
    this.#resident.delete(process);
    if (this.#processes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    const all = ++this.#looks % IDLE_LOOKS === 0;
    const looked = [...this.#processes].filter(({ busy }) => busy || all);
    if (looked.length === 0) return;
    this.#looking = true;
    const found = await this.#options.reaper.residentMemory(looked.map(({ pid }) => pid));
    this.#looking = false;
    // The reason has been logged already.
    if (!found) return;
    for (const process of looked) this.#judge(process, found.get(process.pid));
  }

  #judge(process: Watched, bytes: number | undefined): void {
    // It ended meanwhile, and its number may belong to another process by now.
    if (!this.#processes.has(process)) return;
    if (bytes === undefined) return this.#miss(process);
    this.#missed.delete(process);
    this.#resident.set(process, bytes);
    if (bytes > process.memory) process.onExceeded(bytes);
  }

  /** A process that has just ended is not found, and will soon be removed. */
  #miss(process: Watched): void {
    const missed = (this.#missed.get(process) ?? 0) + 1;
    this.#missed.set(process, missed);
    if (missed !== MISSED_LOOKS) return;
    this.#options.log.warn(`the memory of process ${process.pid} cannot be read: nothing but its heap is bounded`);
  }
}
