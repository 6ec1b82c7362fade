import { Connection } from "../lib/amqp/connection.ts";
import { Publisher } from "../lib/amqp/publisher.ts";
import { Logger } from "../lib/log.ts";
import { residentMemory } from "../lib/sandbox/memory_watch.ts";
import { eventually } from "../tests/support/eventually.ts";
import { type RunnerProcess, startRunner } from "../tests/support/runner_process.ts";
import { WARM_UP } from "./rivals/meter.ts";

export const AMQP_URL = Deno.env.get("AMQP_URL") ?? "amqp://guest:guest@127.0.0.1:5672";

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** A queue, durable, that is filled and deleted by the benchmark. */
export class BenchQueue implements AsyncDisposable {
  readonly name = `bench-${crypto.randomUUID().slice(0, 8)}`;
  readonly #url: string;
  readonly #connection: Connection;
  readonly #publisher: Publisher;

  constructor(url = AMQP_URL) {
    this.#url = url;
    this.#connection = new Connection({ urls: [url], name: "bench", log: new Logger({ level: "silent" }) });
    this.#publisher = new Publisher(this.#connection);
  }

  async fill(count: number, body: Uint8Array): Promise<void> {
    this.#connection.start();
    const client = await this.#connection.opened(AbortSignal.timeout(5000));
    const channel = await client.channel();
    await channel.queueDeclare(this.name, { durable: true });
    await channel.close();
    const message = { exchange: "", routingKey: this.name, body, properties: { deliveryMode: 2 } };
    for (let sent = 0; sent < count; sent += 500) {
      await Promise.all(Array.from({ length: Math.min(500, count - sent) }, () => this.#publisher.publish(message)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
    await deleteQueues([this.name], this.#url);
  }
}

/** Deletes queues of functions, with their dead letters. */
export async function deleteQueues(names: readonly string[], url = AMQP_URL): Promise<void> {
  const connection = new Connection({ urls: [url], name: "bench", log: new Logger({ level: "silent" }) });
  connection.start();
  const channel = await (await connection.opened(AbortSignal.timeout(5000))).channel();
  for (const name of names.flatMap((queue) => [queue, `${queue}.dead`])) await channel.queueDelete(name);
  await connection.close();
}

/** A folder with functions, each the same text under another name. */
export async function functionsFolder(names: readonly string[], text: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "warren-bench-" });
  for (const name of names) await Deno.writeTextFile(`${folder}/${name}.ts`, text);
  return folder;
}

/** A runner, and the milliseconds from its start to the moment when every function consumes. */
export async function startMeasured(
  functionsDir: string,
  functions: number,
  amqpUrl = AMQP_URL,
): Promise<[RunnerProcess, number]> {
  const started = performance.now();
  const runner = await startRunner({ amqpUrl, functionsDir });
  const serving = () => runner.log.filter(({ message }) => String(message).startsWith("serving queue")).length;
  await eventually(() => serving() === functions, { timeout: 60_000, interval: 2 });
  return [runner, performance.now() - started];
}

/** Fills a queue and has a runner empty it: messages a second from the end of the warm-up to the last one. */
export async function completionRate(
  handler: string,
  { messages, body, url }: { messages: number; body: Uint8Array; url?: string },
): Promise<number> {
  await using queue = new BenchQueue(url);
  await queue.fill(messages, body);
  const [runner] = await startMeasured(await functionsFolder([queue.name], handler), 1, url);
  await using _ = runner;
  const completed = async () =>
    (await (await fetch(`${runner.url}/functions/${queue.name}`)).json()).counts.completed as number;
  const [from, first] = await eventually(async () => {
    const count = await completed();
    return count >= WARM_UP ? [performance.now(), count] as const : undefined;
  }, { interval: 5 });
  await eventually(async () => await completed() === messages, { interval: 5, timeout: 60_000 });
  return (messages - first) / (performance.now() - from) * 1000;
}

/** Resident memory of a process, in MB. */
export function residentMegabytes(pid: number): number {
  return (residentMemory(pid) ?? NaN) / 1024 ** 2;
}
