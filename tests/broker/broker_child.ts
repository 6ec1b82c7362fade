import type { BrokerOptions } from "../../lib/broker/server/broker.ts";
import {
  type BrokerAnswer,
  readAnswer,
  settingsLine,
  spawnBroker,
  tellBroker,
} from "../../lib/hosting/broker_child.ts";
import { TEST_BROKER } from "../support/broker_settings.ts";
import { residentMemory } from "../support/resident_memory.ts";
import { RawClient } from "../support/amqp/raw_client.ts";
import type { ConnectOptions } from "../support/amqp/raw_client.ts";

export type ChildOptions = Partial<Omit<BrokerOptions, "log" | "dataDir">>;

/** How a broker's process ended. */
export interface ChildEnd {
  code: number;
  signal: Deno.Signal | null;
}

/** A broker in a process of its own on data that outlives it: to be stopped, killed, measured and started again. */
export class BrokerChild implements AsyncDisposable {
  /** What it logged, over all its starts. */
  readonly log: { level: string; message: string; [field: string]: unknown }[] = [];
  readonly dataDir: string;
  /** Whether the data is the test's own to remove. */
  readonly #kept: boolean;
  readonly #options: ChildOptions;
  #process: Deno.ChildProcess | undefined;
  #logged: Promise<void> = Promise.resolve();
  #port = 0;
  #wsPort: number | undefined;

  private constructor(dataDir: string, kept: boolean, options: ChildOptions) {
    this.dataDir = dataDir;
    this.#kept = kept;
    this.#options = options;
  }

  /** On a fresh folder, which is removed at the end, or on one that is given, and kept. */
  static async start({ dataDir, ...options }: ChildOptions & { dataDir?: string } = {}): Promise<BrokerChild> {
    const folder = dataDir ?? await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-broker-" }));
    const child = new BrokerChild(folder, dataDir !== undefined, options);
    try {
      await child.start();
      return child;
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.#port}`;
  }

  get wsPort(): number | undefined {
    return this.#wsPort;
  }

  get pid(): number {
    return this.#process!.pid;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Bytes resident. */
  get rss(): number {
    return residentMemory(this.pid)!;
  }

  connect(options?: ConnectOptions): Promise<RawClient> {
    return RawClient.connect(this.url, options);
  }

  /** Starts it on the data it had. @throws where it says that it cannot, or ends before it says anything */
  async start(): Promise<void> {
    const answer = await this.startAnyhow();
    if (!answer?.ready) throw new Error(`the broker did not start: ${JSON.stringify(answer)}`);
  }

  /** As `start()`, but gives what it said, or undefined where it was killed before that. */
  async startAnyhow(): Promise<BrokerAnswer | undefined> {
    const { wsPort = 0 } = this.#options;
    const settings = { ...TEST_BROKER, ...this.#options, wsPort, dataDir: this.dataDir };
    const process = this.#process = spawnBroker(settings, "piped");
    this.#logged = this.#readLog(process.stderr);
    await tellBroker(process, settingsLine(settings, { level: "warn", format: "json", color: false }));
    const answer = await readAnswer(process);
    if (answer?.ready) ({ port: this.#port, wsPort: this.#wsPort } = answer.ready);
    return answer;
  }

  /** Lets it stop by itself. */
  async stop(): Promise<ChildEnd> {
    await tellBroker(this.#process!, "stop");
    return await this.ended();
  }

  /** Ends it as a power cut ends it, but for what the system has in its caches. */
  async kill(): Promise<ChildEnd> {
    this.#signal("SIGKILL");
    return await this.ended();
  }

  /** Waits for its end. */
  async ended(): Promise<ChildEnd> {
    const process = this.#process!;
    const { code, signal } = await process.status;
    await process.stdin.close().catch(() => {});
    await this.#logged;
    this.#process = undefined;
    return { code, signal };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process) await this.kill();
    if (!this.#kept) await Deno.remove(this.dataDir, { recursive: true });
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#process!.kill(signal);
    } catch {
      // It ended by itself.
    }
  }

  async #readLog(stderr: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.log.push(parsed(line));
    }
  }
}

/** A line that is no JSON is what the runtime itself says at a crash. */
function parsed(line: string): BrokerChild["log"][number] {
  try {
    return JSON.parse(line);
  } catch {
    return { level: "error", message: line };
  }
}
