/** Milliseconds. Within this time a second signal counts as the first one: a terminal and `deno task` each send it. */
const SAME_SIGNAL = 300;
/** The exit code of a command that SIGINT ended, as shells report it. */
export const INTERRUPTED = 130;

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process. */
export class Interrupt implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners: [Deno.Signal, () => void][];

  /**
   * @param onSignal is called at the first signal
   * @param onRepeat is called at the second signal and ends the process. By default with exit code 130
   */
  constructor(onSignal: (signal: Deno.Signal) => void, onRepeat: (signal: Deno.Signal) => never = end) {
    this.signal = this.#controller.signal;
    let asked: number | undefined;
    const listen = (signal: Deno.Signal) => {
      if (asked !== undefined && performance.now() - asked < SAME_SIGNAL) return;
      if (asked !== undefined) onRepeat(signal);
      asked = performance.now();
      onSignal(signal);
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
