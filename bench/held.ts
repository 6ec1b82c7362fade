/**
 * What a benchmark holds: queues, folders, processes. They are given back when it ends, and also when it is interrupted,
 * wherever it waits at that moment.
 */
class Held {
  readonly #all = new Set<AsyncDisposable>();
  #released = false;

  /** Whether everything is being given back: what fails from then on fails because of that. */
  get released(): boolean {
    return this.#released;
  }

  add<T extends AsyncDisposable>(resource: T): T {
    this.#all.add(resource);
    return resource;
  }

  delete(resource: AsyncDisposable): void {
    this.#all.delete(resource);
  }

  /** Gives back everything, the latest first; what cannot be given back is named on standard error. */
  async release(): Promise<void> {
    this.#released = true;
    for (const resource of [...this.#all].reverse()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        console.error(`bench: something was left behind: ${error instanceof Error ? error.message : error}`);
      }
    }
    this.#all.clear();
  }
}

/** The one of this process. */
export const held: Held = new Held();

/** On SIGINT and SIGTERM: gives back what is held and ends the process with 130. */
export function releaseOnInterrupt(): void {
  const interrupted = async () => {
    if (held.released) return;
    console.error("bench: interrupted; deleting its queues and folders");
    await held.release();
    Deno.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => void interrupted());
}

/** One line on standard error: the table alone goes to standard output. */
export function progress(text: string): void {
  console.error(`bench: ${text}`);
}
