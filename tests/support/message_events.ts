import { TextLineStream } from "./text_lines.ts";

/** One server-sent event of a message. */
export interface SeenEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Follows a message as a client does, and keeps what it hears. Leaves when disposed of. */
export class EventReader implements AsyncDisposable {
  readonly events: SeenEvent[] = [];
  readonly #abort: AbortController;
  readonly #read: Promise<void>;

  private constructor(body: ReadableStream<Uint8Array>, abort: AbortController) {
    this.#abort = abort;
    this.#read = this.#readAll(body).catch((error) => {
      if (!abort.signal.aborted) throw error;
    });
  }

  static async open(url: string, init: RequestInit = {}): Promise<EventReader> {
    const abort = new AbortController();
    const response = await fetch(url, { ...init, signal: abort.signal });
    if (response.status !== 200 || !response.body) throw new Error(`expected events, found ${response.status}`);
    return new EventReader(response.body, abort);
  }

  get kinds(): string[] {
    return this.events.map(({ event }) => event);
  }

  get last(): SeenEvent | undefined {
    return this.events.at(-1);
  }

  /** Resolves at the end of the stream. */
  async ended(): Promise<SeenEvent[]> {
    await this.#read;
    return this.events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#read;
  }

  async #readAll(body: ReadableStream<Uint8Array>): Promise<void> {
    let event = "";
    const lines = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      if (line.startsWith("event: ")) event = line.slice("event: ".length);
      if (line.startsWith("data: ")) this.events.push({ event, data: JSON.parse(line.slice("data: ".length)) });
    }
  }
}
