import { eventually } from "../../tests/support/eventually.ts";
import type { RunnerProcess } from "../../tests/support/runner_process.ts";
import type { EmbeddedBroker } from "../embedded_broker.ts";
import { guestsOf } from "../guests.ts";
import { BenchQueue, Folder, functionsFolder, residentMegabytes, startMeasured } from "../support.ts";
import type { MemorySample } from "./memory_windows.ts";
import { SteadyLoad } from "./steady_load.ts";

/** Where the outputs go, as what follows the name of the queue. */
const OUTPUTS = ".out";
/** Milliseconds that a handler takes. */
const TAKES = 5;
/** One of so many messages fails at its first attempt. */
const FAILS = 50;

function functionText(queue: string): string {
  return `export const config = { concurrency: 50, output: "${queue}${OUTPUTS}", retry: { attempts: 3, delay: "100ms" } };
export default async ({ attempt, body }) => {
  await new Promise((resolve) => setTimeout(resolve, ${TAKES}));
  if (attempt === 1 && body.n % ${FAILS} === 0) throw new Error("not yet");
  return { n: body.n };
};
`;
}

/**
 * A runner under a steady load: a handler that takes 5 ms in a process of its own, 2 % of the messages fail once, and each
 * has one confirmed output.
 */
export class SoakedRunner implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #broker: EmbeddedBroker;
  readonly runner: RunnerProcess;
  readonly queue: string;
  readonly load: SteadyLoad;

  private constructor(
    stack: AsyncDisposableStack,
    parts: { broker: EmbeddedBroker; runner: RunnerProcess; queue: string; load: SteadyLoad },
  ) {
    this.#stack = stack;
    this.#broker = parts.broker;
    this.runner = parts.runner;
    this.queue = parts.queue;
    this.load = parts.load;
  }

  /** @param rate Messages a second */
  static async start(broker: EmbeddedBroker, rate: number): Promise<SoakedRunner> {
    await using stack = new AsyncDisposableStack();
    const queue = stack.use(new BenchQueue(broker.url, [OUTPUTS]));
    await queue.fill(0, new Uint8Array(0));
    const folder = stack.use(new Folder(await functionsFolder([queue.name], functionText(queue.name))));
    const [runner] = await startMeasured(folder.path, 1, broker.url);
    stack.use(runner);
    const ends = { queue: queue.name, outputs: queue.name + OUTPUTS };
    const load = stack.use(await SteadyLoad.start({ url: broker.url, rate, ...ends }));
    return new SoakedRunner(stack.move(), { broker, runner, queue: queue.name, load });
  }

  async sample(): Promise<MemorySample> {
    this.load.throwIfFailed();
    const guests = await guestsOf(this.runner.pid);
    return {
      runner: residentMegabytes(this.runner.pid),
      broker: this.#broker.memory,
      functions: guests.reduce((sum, guest) => sum + residentMegabytes(guest), 0),
    };
  }

  /** Ends the load and waits until every message has its output. */
  async finish(): Promise<void> {
    await this.load.stop();
    await eventually(() => this.load.waiting <= 0, { timeout: 300_000, what: "an output for each message" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
