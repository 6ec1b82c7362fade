import { eventually } from "../tests/support/eventually.ts";
import type { RunnerProcess } from "../tests/support/runner_process.ts";
import { type Cpu, cpuOf } from "./cpu.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { BenchQueue, Folder, functionsFolder, median, residentMegabytes, startMeasured } from "./support.ts";

const ROUNDS = 5;
const BODY = new TextEncoder().encode(JSON.stringify({ text: "x".repeat(80), n: 1 }));

/** A function, and how many messages it gets. */
interface Case {
  readonly name: string;
  readonly config: string;
  /** @param out A queue beside its own */
  readonly handler: (out: string) => string;
  readonly messages: number;
  /** Messages that are not measured, while everything is compiled. */
  readonly warmUp: number;
}

const nothing = () => "() => {}";
const CASES: Case[] = [
  { name: "in its own process", config: "", handler: nothing, messages: 50_000, warmUp: 10_000 },
  { name: "inline", config: `isolation: "inline",`, handler: nothing, messages: 50_000, warmUp: 10_000 },
  {
    name: "with one confirmed output",
    config: "",
    handler: (out) => `(message, context) => context.publish(message.body, { routingKey: "${out}" })`,
    messages: 30_000,
    warmUp: 6_000,
  },
  {
    name: "failed once, and retried",
    config: "retry: { attempts: 2, delay: 100 },",
    handler: () => `(message) => { if (message.attempt === 1) throw new Error("no"); }`,
    messages: 12_000,
    warmUp: 3_000,
  },
];

/** What one message costs, or a start. */
interface Cost {
  /** Microseconds for each further message, of the runner and of the function's process. */
  readonly runner: number;
  readonly process: number;
  /** Of the broker. */
  readonly broker: number;
  readonly rate: number;
  /** Megabytes of the runner after the last message. */
  readonly memory: number;
  /** Milliseconds until the first message was done: of a processor, and of the clock. */
  readonly startCpu: number;
  readonly startTime: number;
}

/**
 * CPU for each further message, from the end of the warm-up to the last one, and until the first one, on the embedded
 * broker. It says more than a rate: that depends on what else the machine does.
 */
export async function cost(): Promise<string[]> {
  await using broker = await EmbeddedBroker.start();
  const costs = CASES.map(() => [] as Cost[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, one] of CASES.entries()) costs[index].push(await measured(one, broker));
  }
  const of = (index: number, field: keyof Cost) => median(costs[index].map((each) => each[field]));
  const cell = (value: number, digits = 1) => value.toFixed(digits).padStart(10);
  const head = ["runner", "process", "together", "broker", "per s", "MB"].map((text) => text.padStart(10)).join("");
  return [
    `${"CPU for each further message, µs".padEnd(34)}${head}`,
    ...CASES.map(({ name }, index) => {
      const together = median(costs[index].map(({ runner, process }) => runner + process));
      const cells = [of(index, "runner"), of(index, "process"), together, of(index, "broker")].map((us) => cell(us));
      return `${name.padEnd(34)}${cells.join("")}${cell(of(index, "rate"), 0)}${cell(of(index, "memory"), 0)}`;
    }),
    `${"CPU until the first message".padEnd(34)}${cell(of(0, "startCpu"), 0)} ms, after ${
      Math.round(of(0, "startTime"))
    } ms`,
  ];
}

async function measured({ config, handler, messages, warmUp }: Case, broker: EmbeddedBroker): Promise<Cost> {
  await using queue = new BenchQueue(broker.url, [".out"]);
  await queue.fill(messages, BODY, () => ({ contentType: "application/json" }));
  const text = `export const config = { concurrency: 200, prefetch: 200, ${config} };\n` +
    `export default ${handler(`${queue.name}.out`)};\n`;
  await using folder = new Folder(await functionsFolder([queue.name], text));
  const begun = performance.now();
  const [runner] = await startMeasured(folder.path, 1, broker.url);
  await using _ = runner;
  const now = (done: number) => ({ at: performance.now(), done, cpu: cpuOf(runner.pid), broker: cpuOf(broker.pid) });
  const first = await whenDone(runner, queue.name, 1, 5).then(now);
  const from = await whenDone(runner, queue.name, warmUp, 20).then(now);
  // Asking costs the runner as well.
  const to = await whenDone(runner, queue.name, messages, 50).then(now);
  const each = (field: (cpu: typeof to) => number) => (field(to) - field(from)) / (to.done - from.done) * 1000;
  return {
    runner: each(({ cpu }) => cpu.own),
    process: each(({ cpu }) => cpu.started),
    broker: each(({ broker }) => broker.own),
    rate: (to.done - from.done) / (to.at - from.at) * 1000,
    memory: residentMegabytes(runner.pid),
    startCpu: sum(first.cpu),
    startTime: first.at - begun,
  };
}

/** How many have completed, once there are so many. */
async function whenDone(runner: RunnerProcess, name: string, count: number, interval: number): Promise<number> {
  return await eventually(async () => {
    const { counts } = await (await fetch(`${runner.url}/functions/${name}`)).json();
    return counts.completed >= count && counts.completed;
  }, { interval, timeout: 60_000, what: `${count} messages of ${name}` });
}

function sum({ own, started }: Cpu): number {
  return own + started;
}
