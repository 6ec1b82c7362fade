import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { Connection } from "../lib/amqp/client/connection.ts";
import { Publisher } from "../lib/amqp/publishing/publisher.ts";
import type { OutcomeCounts } from "../lib/invocation/outcome.ts";
import { Logger } from "../lib/base/log.ts";
import { residentMemory } from "../tests/support/resident_memory.ts";
import { eventually } from "../tests/support/eventually.ts";
import { RunnerProcess } from "../tests/support/runner_process.ts";
import { held } from "./held.ts";

export const AMQP_URL = Deno.env.get("AMQP_URL") ?? "amqp://guest:guest@127.0.0.1:5672";

/** Resolves after so many milliseconds, at once where there are none left. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(milliseconds, 0)));
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Messages that are not measured, while everything warms up. */
const WARM_UP = 5_000;

/** The properties of the next message, for the queue of that name; it is persistent. */
type MakeProperties = (queue: string) => AMQPProperties;

/** A queue, durable, that is filled and deleted by the benchmark. */
export class BenchQueue implements AsyncDisposable {
  readonly name = `bench-${crypto.randomUUID().slice(0, 8)}`;
  readonly #url: string;
  readonly #beside: readonly string[];
  readonly #connection: Connection;
  readonly #publisher: Publisher;

  /** @param beside Other queues, as what follows this one's name; they are deleted with it. */
  constructor(url = AMQP_URL, beside: readonly string[] = []) {
    this.#url = url;
    this.#beside = beside.map((suffix) => this.name + suffix);
    this.#connection = new Connection({ urls: [url], name: "bench", log: new Logger({ level: "silent" }) });
    this.#publisher = new Publisher(this.#connection);
    held.add(this);
  }

  async fill(count: number, body: Uint8Array, properties: MakeProperties = () => ({})): Promise<void> {
    this.#connection.start();
    const client = await this.#connection.opened(AbortSignal.timeout(5000));
    const channel = await client.channel();
    for (const name of [this.name, ...this.#beside]) await channel.queueDeclare(name, { durable: true });
    await channel.close();
    const message = { exchange: "", routingKey: this.name, body };
    const publish = () =>
      this.#publisher.publish({ ...message, properties: { deliveryMode: 2, ...properties(this.name) } });
    for (let sent = 0; sent < count; sent += 500) {
      await Promise.all(Array.from({ length: Math.min(500, count - sent) }, publish));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    held.delete(this);
    await this.#connection.close();
    await deleteQueues([this.name, ...this.#beside], this.#url);
  }
}

/** Deletes queues of functions, with their dead letters and the count of their runners. */
export async function deleteQueues(names: readonly string[], url = AMQP_URL): Promise<void> {
  const connection = new Connection({ urls: [url], name: "bench", log: new Logger({ level: "silent" }) });
  connection.start();
  const channel = await (await connection.opened(AbortSignal.timeout(5000))).channel();
  const all = names.flatMap((queue) => [queue, `${queue}.dead`, `warren.members.${queue}`]);
  for (const name of all) await channel.queueDelete(name);
  await connection.close();
}

/** Queues that something else declares: deleted at the end, as by `deleteQueues`. */
export class NamedQueues implements AsyncDisposable {
  readonly #names: readonly string[];
  readonly #url: string;

  constructor(names: readonly string[], url = AMQP_URL) {
    this.#names = names;
    this.#url = url;
    held.add(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    held.delete(this);
    await deleteQueues(this.#names, this.#url);
  }
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
  env: Record<string, string> = {},
): Promise<[RunnerProcess, number]> {
  const started = performance.now();
  const runner = new RunnerProcess({ amqpUrl, functionsDir, env: { WARREN_DATA: `${functionsDir}.data`, ...env } });
  const stopping = held.add({ [Symbol.asyncDispose]: () => stopped(runner) });
  void runner.status.then(() => held.delete(stopping));
  const serving = () => runner.log.filter(({ message }) => String(message).startsWith("serving queue")).length;
  const what = `a runner that serves ${functions} functions`;
  try {
    await eventually(() => runner.url !== "" && serving() === functions, { timeout: 60_000, interval: 2, what });
    return [runner, performance.now() - started];
  } catch (error) {
    await stopped(runner);
    throw error;
  }
}

/** Lets a runner end by itself, so that it removes its own folder; it has five seconds. */
async function stopped(runner: RunnerProcess): Promise<void> {
  runner.kill();
  const timer = setTimeout(() => runner.kill("SIGKILL"), 5_000);
  await runner.status;
  clearTimeout(timer);
}

/** Functions, and the data of their runner: deleted afterwards. */
export class Folder implements AsyncDisposable {
  constructor(readonly path: string) {
    held.add(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    held.delete(this);
    await Deno.remove(this.path, { recursive: true });
    await Deno.remove(`${this.path}.data`, { recursive: true }).catch(() => {});
  }
}

export interface RateOptions {
  messages: number;
  body: Uint8Array;
  url?: string;
  properties?: MakeProperties;
  /** Other queues, as in `BenchQueue`. */
  beside?: readonly string[];
  /** How many are done. @default how many have completed */
  progress?: (counts: OutcomeCounts) => number;
}

/**
 * Fills a queue and has a runner empty it: messages a second from the end of the warm-up to the last one.
 *
 * @param handler The module of the function, or what makes it of the name of its queue
 */
export async function completionRate(
  handler: string | ((queue: string) => string),
  { messages, body, url, properties, beside, progress = ({ completed }) => completed }: RateOptions,
): Promise<number> {
  await using queue = new BenchQueue(url, beside);
  await queue.fill(messages, body, properties);
  const text = typeof handler === "string" ? handler : handler(queue.name);
  await using folder = new Folder(await functionsFolder([queue.name], text));
  const [runner] = await startMeasured(folder.path, 1, url);
  await using _ = runner;
  const done = async () => progress((await (await fetch(`${runner.url}/functions/${queue.name}`)).json()).counts);
  const [from, first] = await eventually(async () => {
    const count = await done();
    return count >= WARM_UP ? [performance.now(), count] as const : undefined;
  }, { interval: 5 });
  await eventually(async () => await done() === messages, { interval: 5, timeout: 60_000 });
  return (messages - first) / (performance.now() - from) * 1000;
}

/** Whether a command is there and succeeds. */
export async function runs(command: string, args: readonly string[], env?: Record<string, string>): Promise<boolean> {
  try {
    const child = new Deno.Command(command, { args: [...args], env, stdin: "null", stdout: "null", stderr: "null" });
    return (await child.output()).success;
  } catch {
    return false;
  }
}

/** Resident memory of a process, in MB. */
export function residentMegabytes(pid: number): number {
  return (residentMemory(pid) ?? NaN) / 1024 ** 2;
}
