/** Milliseconds within which a second signal is the first one again: a terminal, and `deno task`, send one twice. */
const SAME_SIGNAL = 300;
/** What a shell gives for a command that SIGINT ended. */
export const INTERRUPTED = 130;

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process. */
export class Interrupt implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners: [Deno.Signal, () => void][];

  /**
   * @param told is called at the first signal
   * @param again is called at the second one, and ends the process; with exit code 130 by default
   */
  constructor(told: (signal: Deno.Signal) => void, again: (signal: Deno.Signal) => never = end) {
    this.signal = this.#controller.signal;
    let asked: number | undefined;
    const listen = (signal: Deno.Signal) => {
      if (asked !== undefined && performance.now() - asked < SAME_SIGNAL) return;
      if (asked !== undefined) again(signal);
      asked = performance.now();
      told(signal);
      this.#controller.abort();
    };
    this.#listeners = (["SIGINT", "SIGTERM"] as const).map((signal) => [signal, () => listen(signal)]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}

function end(): never {
  Deno.exit(INTERRUPTED);
}
