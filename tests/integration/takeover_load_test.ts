import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, startServing } from "../support/serving.ts";

const TELLING = `
  export default (message, context) => context.log.info("handled", { body: message.body });`;
const KILLS = 6;

/** Sends numbers, each until a runner says that the broker has it, until it is told to stop. */
class Sender {
  readonly sent: string[] = [];
  #stopped = false;
  #sending: Promise<void>;

  constructor(runners: () => RunnerProcess[]) {
    this.#sending = this.#run(runners);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#sending;
  }

  async #run(runners: () => RunnerProcess[]): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const body = String(number);
      await eventually(async () => {
        const all = runners();
        const { url } = all[number % all.length];
        const init = { method: "POST", body, headers: { "content-type": "text/plain", "message-id": body } };
        const response = await fetch(`${url}/functions/telling`, init);
        await response.body?.cancel();
        return response.status === 202;
      }, { timeout: 20_000, what: `a runner that takes message ${body}` });
      this.sent.push(body);
    }
  }
}

Deno.test("no message is lost while one host after the other is killed under load", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({ "telling.ts": TELLING });
  await using stack = new AsyncDisposableStack();
  const options = { functionsDir: functions.path, env: place.env };
  const start = async () => stack.use(await startServing(options));
  const all = [await start(), await start(), await start()];
  let alive = [...all];
  const sender = new Sender(() => alive);

  for (let kills = 0; kills < KILLS; kills++) {
    const before = sender.sent.length;
    await eventually(() => sender.sent.length > before + 100);
    const host = alive[hostIndex(alive)];
    alive = alive.filter((runner) => runner !== host);
    host.kill("SIGKILL");
    await host.status;
    const next = await start();
    all.push(next);
    alive = [...alive, next];
  }
  await sender.stop();

  const handled = () => new Set(all.flatMap(handledBy).map(({ body }) => body));
  await eventually(() => handled().size === sender.sent.length, { timeout: 30_000, what: "every message" });
  assertEquals(sender.sent.filter((body) => !handled().has(body)), []);
  assert(sender.sent.length > 100 * KILLS);
  assertEquals((await place.processes()).length, 1);
});

/** Whose last word on the broker is that it hosts it. */
function hostIndex(runners: RunnerProcess[]): number {
  const index = runners.findIndex(({ log }) =>
    log.findLast(({ message }) => /^(embedded broker at|joined the embedded broker)/.test(message))?.message
      .startsWith("embedded")
  );
  if (index < 0) throw new Error("no runner hosts the broker");
  return index;
}
