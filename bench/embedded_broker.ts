import { fileURLToPath } from "node:url";
import { untilAnswers } from "../tests/support/broker_probe.ts";
import { freePort } from "../tests/support/free_port.ts";
import { held } from "./held.ts";
import { residentMegabytes } from "./support.ts";

/** `main.ts broker` on a free port, with data of its own. */
export class EmbeddedBroker implements AsyncDisposable {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(port: number, folder: string) {
    this.url = `amqp://guest:guest@127.0.0.1:${port}`;
    this.#folder = folder;
    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", main, "broker", "--broker-port", `${port}`, "--data", folder, "--log-level", "warn"],
      stdin: "null",
      // A terminal interrupts the benchmark alone, which deletes its queues before it stops its broker.
      detached: true,
    }).spawn();
    held.add(this);
  }

  static async start(): Promise<EmbeddedBroker> {
    const started = new EmbeddedBroker(freePort(), await Deno.makeTempDir({ prefix: "warren-bench-" }));
    await untilAnswers(started.url);
    return started;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resident, in MB. */
  get memory(): number {
    return residentMegabytes(this.#child.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    held.delete(this);
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
