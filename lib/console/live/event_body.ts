const encoder = new TextEncoder();

/** The body of an event stream: it says when its reader is gone, and when the last text was taken. */
export class EventBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Aborts when the reader is gone. */
  readonly gone: AbortSignal;
  readonly #gone = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #taken = () => {};

  constructor() {
    this.gone = this.#gone.signal;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#taken(),
      cancel: () => this.#gone.abort(),
    });
  }

  /** Resolves once the reader took it. */
  async write(text: string): Promise<void> {
    this.gone.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#taken = resolve;
    this.#controller?.enqueue(encoder.encode(text));
    await promise;
  }

  end(): void {
    if (!this.gone.aborted) this.#controller?.close();
    this.#gone.abort();
  }

  /** Ends the connection, whatever its reader has not taken yet. */
  cut(reason: string): void {
    if (!this.gone.aborted) this.#controller?.error(new Error(reason));
    this.#gone.abort();
  }
}
