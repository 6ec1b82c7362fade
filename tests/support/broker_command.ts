import { untilAnswers } from "./broker_probe.ts";
import { BrokerPlace } from "./hosted_broker.ts";
import { RunnerProcess } from "./runner_process.ts";

/** `deno task broker` in a process of its own, to be killed and started again on its data. */
export class BrokerCommand implements AsyncDisposable {
  readonly #place: BrokerPlace;
  #process: RunnerProcess | undefined;

  private constructor(place: BrokerPlace) {
    this.#place = place;
  }

  static async launch(): Promise<BrokerCommand> {
    const broker = new BrokerCommand(await BrokerPlace.make());
    try {
      await broker.start();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return this.#place.url;
  }

  get pid(): number {
    if (!this.#process) throw new Error("the broker does not run");
    return this.#process.pid;
  }

  /** Starts it with the data it had. */
  async start(): Promise<void> {
    this.#process = new RunnerProcess({ args: ["broker"], env: this.#place.env });
    await untilAnswers(this.url);
  }

  /** Kills it and waits for its end. */
  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#place[Symbol.asyncDispose]();
  }
}
