/** Milliseconds. */
const INTERVAL = 200;
const CLEAR_LINE = "\r\x1b[K";

/** A line on the terminal that is overwritten with each update. Prints nothing if standard error is no terminal. */
export class Progress implements Disposable {
  readonly #terminal = Deno.stderr.isTerminal();
  #last = performance.now();
  #shown = false;

  /** The text is made only if it is shown. */
  tell(line: () => string): void {
    if (!this.#terminal || performance.now() - this.#last < INTERVAL) return;
    this.#last = performance.now();
    this.#shown = true;
    this.#write(CLEAR_LINE + line());
  }

  [Symbol.dispose](): void {
    if (this.#shown) this.#write(CLEAR_LINE);
  }

  #write(text: string): void {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}
