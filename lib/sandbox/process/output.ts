/** Maximum length of an output line in characters. Longer lines are cut. */
const MAX_LINE = 8_192;
/** How many lines a process may log per second. Further lines are dropped and counted. */
const LINES = 500;
/** How many bytes are read per second. A process that prints more is blocked, and no other. */
const BYTES = 1024 * 1024;
const SECOND = 1_000;

/** Limits how much of a function's output is logged, so that a flood does not slow the runner down. */
export class OutputBudget {
  #second = 0;
  #lines = 0;
  #bytes = 0;
  #dropped = 0;

  /** Whether one more line may be logged in this second. */
  line(): boolean {
    this.#turn();
    if (++this.#lines <= LINES) return true;
    this.#dropped++;
    return false;
  }

  /** Whether this second has just begun. */
  get fresh(): boolean {
    this.#turn();
    return this.#lines <= 1;
  }

  /** Counts bytes. Returns for how many milliseconds reading must pause. */
  bytes(count: number): number {
    this.#turn();
    this.#bytes += count;
    return this.#bytes < BYTES ? 0 : this.#second + SECOND - performance.now();
  }

  /** The number of lines that were dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  #turn(): void {
    const now = performance.now();
    if (now - this.#second < SECOND) return;
    this.#second = now;
    this.#lines = this.#bytes = 0;
  }
}

/**
 * Reads a stream of text line by line, each bounded: a handler that prints
 * without a line end costs its own output, not the runner's memory. More bytes than
 * the budget has are left unread for a while.
 */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  budget: OutputBudget,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  let skipping = false;
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (!skipping) onLine(line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line);
      skipping = false;
    }
    if (rest.length > MAX_LINE) {
      if (!skipping) onLine(`${rest.slice(0, MAX_LINE)}…`);
      skipping = true;
      rest = "";
    }
    const pause = budget.bytes(bytes.length);
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  if (rest && !skipping) onLine(rest);
}
