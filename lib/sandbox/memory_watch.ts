/** Milliseconds between two looks at what the busy processes take. */
const INTERVAL = 100;
/** Every so many looks the others are looked at too: a timer that a handler left behind allocates as well. */
const IDLE_LOOKS = 5;
/** Bytes of a page, in which Linux counts. */
const PAGE = 4096;

/** A process whose memory is watched. */
export interface Watched {
  readonly pid: number;
  /** Bytes resident. */
  readonly memory: number;
  readonly busy: boolean;
  /** It took more. */
  onExceeded(bytes: number): void;
}

/**
 * Looks at the resident memory of processes, most often while they work. V8's own limit does not count what is outside its heap,
 * as buffers are. Only Linux tells it for nothing; elsewhere V8's limit stands alone.
 */
export class MemoryWatch {
  readonly #processes = new Set<Watched>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #looks = 0;

  add(process: Watched): void {
    if (Deno.build.os !== "linux") return;
    this.#processes.add(process);
    this.#timer ??= setInterval(() => this.#look(), INTERVAL);
  }

  delete(process: Watched): void {
    this.#processes.delete(process);
    if (this.#processes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const all = ++this.#looks % IDLE_LOOKS === 0;
    for (const process of this.#processes) {
      if (!process.busy && !all) continue;
      const bytes = residentMemory(process.pid);
      if (bytes !== undefined && bytes > process.memory) process.onExceeded(bytes);
    }
  }
}

/** Bytes; `undefined` where nobody says so. */
export function residentMemory(pid: number): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * PAGE;
  } catch {
    return undefined;
  }
}
