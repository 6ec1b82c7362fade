import {
  type BrokerSettings,
  readAnswer,
  settingsLine,
  spawnBroker,
  tellBroker,
} from "../../lib/hosting/broker_child.ts";
import { TEST_BROKER } from "./broker_settings.ts";

const MEGABYTE = 1024 * 1024;

export interface EmbeddedBrokerOptions {
  /** The one after it is for WebSocket. @default any two */
  port?: number;
  /** Bytes. @default 512 MB */
  memoryLimit?: number;
  /** Bytes. @default 0 */
  diskFreeLimit?: number;
  /** Passwords by names. @default { guest: "guest" } */
  users?: Record<string, string>;
}

/**
 * An embedded broker in a process of the test's own, on ports that the system chose and with data that is removed at
 * the end. It dies with the test's process, whose end it sees on its standard input. Its errors go to the test's output.
 */
export class EmbeddedBroker implements AsyncDisposable {
  readonly #options: EmbeddedBrokerOptions;
  readonly #folder: string;
  #port: number;
  #wsPort: number;
  #child: Deno.ChildProcess | undefined;

  private constructor(folder: string, options: EmbeddedBrokerOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#wsPort = options.port ? options.port + 1 : 0;
  }

  /** Starts one with a fresh folder. */
  static async launch(options: EmbeddedBrokerOptions = {}): Promise<EmbeddedBroker> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-embedded-" }));
    const broker = new EmbeddedBroker(folder, options);
    try {
      await broker.start();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** With the first of its users. */
  get url(): string {
    return `amqp://${this.#login}@127.0.0.1:${this.#port}`;
  }

  /** As `url`, over WebSocket. */
  get wsUrl(): string {
    return `ws://${this.#login}@127.0.0.1:${this.#wsPort}`;
  }

  get pid(): number {
    if (!this.#child) throw new Error("the embedded broker does not run");
    return this.#child.pid;
  }

  /** Starts it, also after `stop()` or `kill()`: on the same ports, with the data it had. */
  async start(limits: Pick<EmbeddedBrokerOptions, "memoryLimit" | "diskFreeLimit"> = {}): Promise<void> {
    if (this.#child) throw new Error("the embedded broker runs already");
    // As the runner starts it, with the same permissions.
    const settings = this.#settings(limits);
    const child = spawnBroker(settings);
    this.#child = child;
    await tellBroker(child, settingsLine(settings, { level: "error", format: "text", color: false }));
    const { ready, failed } = await readAnswer(child) ?? {};
    if (!ready) throw new Error(`the embedded broker does not start: ${failed?.message ?? "it ended"}`);
    this.#port = ready.port;
    this.#wsPort = ready.wsPort ?? 0;
  }

  /** Stops it cleanly and waits for its end. */
  async stop(): Promise<void> {
    if (!this.#child) return;
    await tellBroker(this.#child, "stop");
    await this.#gone(this.#child);
  }

  /** Kills it and waits for its end. */
  async kill(): Promise<void> {
    if (!this.#child) return;
    this.signal("SIGKILL");
    await this.#gone(this.#child);
  }

  signal(signal: Deno.Signal): void {
    try {
      this.#child?.kill(signal);
    } catch {
      // It ended by itself.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #login(): string {
    const [[user, password]] = Object.entries(this.#options.users ?? { guest: "guest" });
    return `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  }

  #settings(limits: EmbeddedBrokerOptions): BrokerSettings {
    const memoryLimit = 512 * MEGABYTE;
    const own = { wsPortAsked: true, memoryLimit, ...this.#options, ...limits };
    return { ...TEST_BROKER, ...own, dataDir: this.#folder, port: this.#port, wsPort: this.#wsPort };
  }

  async #gone(child: Deno.ChildProcess): Promise<void> {
    await child.status;
    await child.stdin.close().catch(() => {});
    this.#child = undefined;
  }
}
