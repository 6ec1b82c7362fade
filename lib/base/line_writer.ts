/** Bytes, roughly, that are written without waiting for the turn to end. */
const FULL = 64 * 1024;
const encoder = new TextEncoder();

/**
 * Writes lines, those of one turn of the event loop at once: thousands of failures a second would otherwise be as many
 * system calls. They are written before anything else happens, and before the process ends by itself.
 */
export class LineWriter {
  readonly #write: (bytes: Uint8Array) => number;
  #waiting = "";

  /** @param write takes some of the bytes, and says how many */
  constructor(write: (bytes: Uint8Array) => number) {
    this.#write = write;
    globalThis.addEventListener("unload", () => this.flush());
  }

  line(text: string): void {
    if (this.#waiting === "") queueMicrotask(() => this.flush());
    this.#waiting += `${text}\n`;
    if (this.#waiting.length > FULL) this.flush();
  }

  flush(): void {
    const bytes = encoder.encode(this.#waiting);
    this.#waiting = "";
    try {
      for (let at = 0; at < bytes.length;) at += this.#write(bytes.subarray(at));
    } catch {
      // A closed terminal must not end the runner: there is nowhere left to say it.
    }
  }
}
