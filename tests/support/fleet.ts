import { Proxy } from "./proxy.ts";
import { type RunnerProcess, type RunnerProcessOptions, startRunner } from "./runner_process.ts";
import { untilReady } from "./serving.ts";

/** Milliseconds that a runner has to start and to be ready on a busy machine. */
const PATIENCE = 120_000;

/** A runner's place: its way to the broker, which can be cut, and the runner that is there now. */
interface Berth {
  readonly proxy: Proxy;
  runner: RunnerProcess;
}

/** Several runners of the same functions, each with a connection of its own that can be cut. */
export class Fleet implements AsyncDisposable {
  readonly #options: RunnerProcessOptions & { amqpUrl: string };
  readonly #berths: Berth[] = [];

  private constructor(options: RunnerProcessOptions & { amqpUrl: string }) {
    this.#options = options;
  }

  static async launch(size: number, options: RunnerProcessOptions & { amqpUrl: string }): Promise<Fleet> {
    const fleet = new Fleet(options);
    try {
      for (let index = 0; index < size; index++) await fleet.#add();
      await fleet.untilReady();
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  get size(): number {
    return this.#berths.length;
  }

  /** Cuts the connections of one. */
  cut(index: number): void {
    this.#berths[index].proxy.cut();
  }

  /** Kills one and starts another in its place. */
  async replace(index: number): Promise<void> {
    const berth = this.#berths[index];
    await berth.runner[Symbol.asyncDispose]();
    berth.runner = await this.#start(berth.proxy);
  }

  async untilReady(): Promise<void> {
    await Promise.all(this.#berths.map(({ runner }) => untilReady(runner, PATIENCE)));
  }

  /** Drains all and gives their exit codes. */
  async stop(): Promise<number[]> {
    for (const { runner } of this.#berths) runner.kill("SIGTERM");
    return await Promise.all(this.#berths.map(async ({ runner }) => (await runner.status).code));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { runner, proxy } of this.#berths) {
      await runner[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    }
  }

  async #add(): Promise<void> {
    const proxy = Proxy.for(this.#options.amqpUrl);
    try {
      this.#berths.push({ proxy, runner: await this.#start(proxy) });
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(proxy: Proxy): Promise<RunnerProcess> {
    const amqpUrl = proxy.urlFor(this.#options.amqpUrl);
    return await startRunner({ ...this.#options, amqpUrl, startTimeout: PATIENCE });
  }
}
