/** Milliseconds within which a second signal is the first one again: a terminal, and `deno task`, send one twice. */
const SAME_SIGNAL = 300;
/** What a shell gives for a command that SIGINT ended. */
export const INTERRUPTED = 130;

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once. */
export class Interrupt implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listener: () => void;

  /** @param told is called at the first signal */
  constructor(told: () => void) {
    this.signal = this.#controller.signal;
    let asked: number | undefined;
    this.#listener = () => {
      if (asked !== undefined && performance.now() - asked < SAME_SIGNAL) return;
      if (asked !== undefined) Deno.exit(INTERRUPTED);
      asked = performance.now();
      told();
      this.#controller.abort();
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, this.#listener);
  }

  [Symbol.dispose](): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, this.#listener);
  }
}
