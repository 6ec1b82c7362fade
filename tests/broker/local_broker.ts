import { Broker, type BrokerOptions } from "../../lib/broker/server/broker.ts";
import { Logger } from "../../lib/base/log.ts";
import { TEST_BROKER } from "../support/broker_settings.ts";

/** A broker in the test's own process, on a fresh folder unless one is given. */
export class LocalBroker implements AsyncDisposable {
  readonly broker: Broker;
  readonly dataDir: string;
  /** What it logged from warnings on. */
  readonly lines: string[];
  readonly #folder: string | undefined;

  private constructor(broker: Broker, dataDir: string, lines: string[], folder: string | undefined) {
    this.broker = broker;
    this.dataDir = dataDir;
    this.lines = lines;
    this.#folder = folder;
  }

  static async start(options: Partial<BrokerOptions> = {}): Promise<LocalBroker> {
    const folder = options.dataDir === undefined ? await Deno.makeTempDir({ prefix: "warren-broker-" }) : undefined;
    const lines: string[] = [];
    const dataDir = options.dataDir ?? folder!;
    const broker = await Broker.start({
      ...TEST_BROKER,
      wsPort: undefined,
      ...options,
      dataDir,
      log: new Logger({ level: "warn", write: (line) => void lines.push(JSON.parse(line).message) }),
    });
    return new LocalBroker(broker, dataDir, lines, folder);
  }

  get url(): string {
    return this.urlFor("127.0.0.1");
  }

  urlFor(host: string): string {
    return `amqp://guest:guest@${host}:${this.broker.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.stop();
    if (this.#folder !== undefined) await Deno.remove(this.#folder, { recursive: true });
  }
}
