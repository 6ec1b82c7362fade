import { eventually } from "../tests/support/eventually.ts";
import type { RunnerProcess } from "../tests/support/runner_process.ts";
import { type Cpu, cpuOf } from "./cpu.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { BenchQueue, Folder, functionsFolder, median, residentMegabytes, startMeasured } from "./support.ts";

const ROUNDS = 5;
const BODY = new TextEncoder().encode(JSON.stringify({ text: "x".repeat(80), n: 1 }));

/** A function, and how many messages it gets in a short run and in a long one. */
interface Case {
  readonly name: string;
  readonly config: string;
  /** @param out A queue beside its own */
  readonly handler: (out: string) => string;
  readonly short: number;
  readonly long: number;
}

const nothing = () => "() => {}";
const CASES: Case[] = [
  { name: "in its own process", config: "", handler: nothing, short: 10_000, long: 50_000 },
  { name: "inline", config: `isolation: "inline",`, handler: nothing, short: 10_000, long: 50_000 },
  {
    name: "with one confirmed output",
    config: "",
    handler: (out) => `(message, context) => context.publish(message.body, { routingKey: "${out}" })`,
    short: 6_000,
    long: 30_000,
  },
  {
    name: "failed once, and retried",
    config: "retry: { attempts: 2, delay: 100 },",
    handler: () => `(message) => { if (message.attempt === 1) throw new Error("no"); }`,
    short: 4_000,
    long: 16_000,
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
 * CPU for each further message, which is the difference between a long run and a short one, and until the first message, on
 * the embedded broker. It says more than a rate: that depends on what else the machine does.
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

async function measured(one: Case, broker: EmbeddedBroker): Promise<Cost> {
  const short = await run(one, one.short, broker);
  const long = await run(one, one.long, broker);
  const each = (field: keyof Run) => (long[field] - short[field]) / (one.long - one.short);
  return {
    runner: each("own") * 1000,
    process: each("started") * 1000,
    broker: each("broker") * 1000,
    rate: 1000 / each("time"),
    memory: long.memory,
    startCpu: short.startCpu,
    startTime: short.startTime,
  };
}

/** Milliseconds of a processor and of the clock, from the start of the runner to its last message. */
interface Run extends Cpu, Pick<Cost, "memory" | "startCpu" | "startTime"> {
  readonly broker: number;
  readonly time: number;
}

async function run({ config, handler }: Case, messages: number, broker: EmbeddedBroker): Promise<Run> {
  await using queue = new BenchQueue(broker.url, [".out"]);
  await queue.fill(messages, BODY, () => ({ contentType: "application/json" }));
  const text = `export const config = { concurrency: 200, prefetch: 200, ${config} };\n` +
    `export default ${handler(`${queue.name}.out`)};\n`;
  await using folder = new Folder(await functionsFolder([queue.name], text));
  const [begun, before] = [performance.now(), cpuOf(broker.pid)];
  const [runner] = await startMeasured(folder.path, 1, broker.url);
  await using _ = runner;
  await untilDone(runner, queue.name, 1, 5);
  const [first, startTime] = [cpuOf(runner.pid), performance.now() - begun];
  // Asking costs the runner as well.
  await untilDone(runner, queue.name, messages, 50);
  return {
    ...cpuOf(runner.pid),
    broker: cpuOf(broker.pid).own - before.own,
    time: performance.now() - begun,
    memory: residentMegabytes(runner.pid),
    startCpu: first.own + first.started,
    startTime,
  };
}

async function untilDone(runner: RunnerProcess, name: string, count: number, interval: number): Promise<void> {
  await eventually(async () => {
    const { counts } = await (await fetch(`${runner.url}/functions/${name}`)).json();
    return counts.completed >= count;
  }, { interval, timeout: 60_000, what: `${count} messages of ${name}` });
}
