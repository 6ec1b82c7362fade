/** How far a peer has come; each is a line on its standard output. */
export type Mark = "first" | "warm" | "done";

/** What the benchmark asks of a peer: `script URL QUEUE COUNT WARM LOAD`. */
export interface Task {
  readonly url: string;
  readonly queue: string;
  /** Gets the outputs. */
  readonly outputs: string;
  readonly load: string;
  readonly meter: Meter;
}

/** Writes a mark at the first run, when it is warm, and when all is done; the benchmark ends the process then. */
export class Meter {
  readonly #marks: ReadonlyMap<number, Mark>;
  #seen = 0;

  /**
   * @param count How many runs there are
   * @param warm After so many runs everything is warm
   */
  constructor(count: number, warm: number) {
    this.#marks = new Map<number, Mark>([[1, "first"], [warm, "warm"], [count, "done"]]);
  }

  count(): void {
    const mark = this.#marks.get(++this.#seen);
    if (mark) Deno.stdout.writeSync(new TextEncoder().encode(`${mark}\n`));
  }
}

export function taskFromArguments(): Task {
  const [url, queue, count, warm, load] = Deno.args;
  // A message that is retried once runs twice.
  const runs = load === "retry" ? 2 : 1;
  const meter = new Meter(Number(count) * runs, Number(warm) * runs);
  return { url, queue, outputs: `${queue}.out`, load, meter };
}
