import { valueWithin } from "../../lib/base/time/within.ts";

/** One server-sent event of a message. */
export interface SeenEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Follows a message as a client does, and keeps what it hears. Leaves when disposed of. */
export class EventReader implements AsyncDisposable {
  readonly events: SeenEvent[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #read: Promise<void>;

  private constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    this.#read = this.#readAll();
  }

  static async open(url: string, init: RequestInit = {}): Promise<EventReader> {
    const response = await fetch(url, init);
    if (response.status !== 200 || !response.body) {
      throw new Error(`expected events, found ${response.status}: ${await response.text()}`);
    }
    return new EventReader(response.body);
  }

  get kinds(): string[] {
    return this.events.map(({ event }) => event);
  }

  get last(): SeenEvent | undefined {
    return this.events.at(-1);
  }

  /** Resolves at the end of the stream. Fails after half a minute: a missed end must not hang the run of tests. */
  async ended(): Promise<SeenEvent[]> {
    await valueWithin(30_000, this.#read, () => new Error(`the events did not end after ${this.kinds}`));
    return this.events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
    await this.#read;
  }

  async #readAll(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
      const blocks = (text + decoder.decode(part.value, { stream: true })).split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
        if (data !== undefined) this.events.push({ event, data: JSON.parse(data) });
      }
    }
  }
}
