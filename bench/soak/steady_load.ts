import { FRAME, METHOD } from "../../lib/broker/protocol/constants.ts";
import { Reader } from "../../lib/broker/protocol/reader.ts";
import { Writer } from "../../lib/broker/protocol/writer.ts";
import { LoadClient } from "../load/load_client.ts";

/** Milliseconds between two writes. */
const TICK = 10;
const NO_ACK = 2;

export interface SteadyLoadOptions {
  url: string;
  /** Gets the messages. */
  queue: string;
  /** Gets one message for each; it is emptied. Both queues exist. */
  outputs: string;
  /** Messages a second. */
  rate: number;
}

/**
 * Publishes persistent messages `{"n": 0, …}` at a steady rate, and counts what comes out at the other end, with as little
 * work as possible.
 */
export class SteadyLoad implements AsyncDisposable {
  readonly #options: SteadyLoadOptions;
  readonly #publisher: LoadClient;
  readonly #consumer: LoadClient;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #started = performance.now();
  readonly #reading: Promise<void>;
  #writing = Promise.resolve();
  #failure: unknown;
  #closed = false;

  /** Messages so far. */
  published = 0;
  /** Outputs so far. */
  done = 0;

  private constructor(options: SteadyLoadOptions, publisher: LoadClient, consumer: LoadClient) {
    this.#options = options;
    this.#publisher = publisher;
    this.#consumer = consumer;
    this.#reading = this.#read();
    this.#timer = setInterval(() => this.#publish(), TICK);
  }

  static async start(options: SteadyLoadOptions): Promise<SteadyLoad> {
    const [publisher, consumer] = await Promise.all([LoadClient.connect(options.url), LoadClient.connect(options.url)]);
    await consumer.send(
      METHOD.basicConsume,
      1,
      (writer) => void writer.u16(0).shortString(options.outputs).shortString("c").u8(NO_ACK).table({}),
    );
    return new SteadyLoad(options, publisher, consumer);
  }

  /** Messages that were published and have no output yet. */
  get waiting(): number {
    return this.published - this.done;
  }

  /** Publishes no more, and resolves once everything was written. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    this.throwIfFailed();
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw new Error("the load lost its broker", { cause: this.#failure });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#writing;
    this.#publisher[Symbol.dispose]();
    this.#consumer[Symbol.dispose]();
    await this.#reading;
  }

  /** All that are due. After a pause, as of a machine that slept, not everything at once. */
  #publish(): void {
    const due = Math.floor((performance.now() - this.#started) / 1000 * this.#options.rate);
    const count = Math.min(due - this.published, this.#options.rate);
    if (count <= 0 || this.#failure !== undefined) return;
    const writer = new Writer(count * 256);
    for (let i = 0; i < count; i++) writeMessage(writer, this.#options.queue, this.published++);
    const bytes = writer.finish();
    this.#writing = this.#writing.then(() => this.#publisher.write(bytes)).catch((error) => void this.#fail(error));
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        await this.#consumer.frames((type, bytes, start, end) => {
          if (type === FRAME.method && new Reader(bytes, start, end).u32() === METHOD.basicDeliver) this.done++;
        });
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!this.#closed) this.#failure ??= error;
  }
}

function writeMessage(writer: Writer, queue: string, n: number): void {
  const body = new TextEncoder().encode(JSON.stringify({ n, note: "x".repeat(80) }));
  writer.method(1, METHOD.basicPublish).u16(0).shortString("").shortString(queue).u8(0).end();
  // With a content type and a delivery mode.
  writer.begin(FRAME.header, 1);
  writer.u16(60).u16(0).u64(body.length).u16(0x9000);
  writer.shortString("application/json").u8(2).end();
  writer.frame(FRAME.body, 1, body, 0, body.length);
}
