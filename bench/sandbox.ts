import { eventually } from "../tests/support/eventually.ts";
import type { RunnerProcess } from "../tests/support/runner_process.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { guestsOf } from "./guests.ts";
import { progress } from "./held.ts";
import { completionRate, Folder, functionsFolder, median, residentMegabytes, startMeasured } from "./support.ts";

const MESSAGES = 60_000;
const ROUNDS = 3;
const BODY = new Uint8Array(100).fill(120);
const COLD_STARTS = 15;
const TRIVIAL = "export default () => {};\n";
const isolated = (isolation: string) =>
  `export const config = { concurrency: 200, isolation: "${isolation}" };\nexport default () => {};\n`;
const HEAVY = `import { parse } from "npm:@babel/parser@8.1.2";\nexport default () => void parse("1");\n`;

/** What the process of a function costs, against the same function inline, on the embedded broker. */
export async function sandbox(): Promise<string[]> {
  await using broker = await EmbeddedBroker.start();
  const { url } = broker;
  const rates: { process: number; inline: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rates.push({ process: await rate(url, "process"), inline: await rate(url, "inline") });
    progress(`sandbox, round ${round + 1} of ${ROUNDS}`);
  }
  progress("sandbox, cold starts");
  const cold = await coldStarts(url, TRIVIAL);
  const heavy = await coldStarts(url, HEAVY);
  progress("sandbox, 100 functions");
  const hundred = await hundredFunctions(url);
  const row = (name: string, value: string) => `${name.padEnd(58)} ${value}`;
  return [
    row("in its own process, prefetch 200", `${Math.round(median(rates.map(({ process }) => process)))} messages/s`),
    row("inline, prefetch 200", `${Math.round(median(rates.map(({ inline }) => inline)))} messages/s`),
    row("process / inline", median(rates.map(({ process, inline }) => process / inline)).toFixed(2)),
    row("cold start to the first completed message, median", `${Math.round(cold)} ms`),
    row("the same with an npm parser of 500 KB", `${Math.round(heavy)} ms`),
    row("100 functions, 5 of them with work: processes", `${hundred.processes}`),
    row("memory of such a process, idle", `${Math.round(hundred.each)} MB`),
    row("memory of the runner then", `${Math.round(hundred.runner)} MB`),
    row("an endless loop, time limit 500 ms: killed after", `${Math.round(await killedAfter(url))} ms`),
  ];
}

interface Seen {
  counts: { completed: number; timedOut: number };
  processes: number;
}

async function seen(runner: RunnerProcess, name: string): Promise<Seen> {
  return await (await fetch(`${runner.url}/functions/${name}`)).json();
}

async function post(runner: RunnerProcess, name: string, body: BodyInit = "x"): Promise<void> {
  const response = await fetch(`${runner.url}/functions/${name}`, { method: "POST", body });
  await response.body?.cancel();
  if (response.status !== 202) throw new Error(`${name}: ${response.status}`);
}

function rate(url: string, isolation: string): Promise<number> {
  return completionRate(isolated(isolation), { messages: MESSAGES, body: BODY, url });
}

/** Each function has its first message: what it takes until that is done. */
async function coldStarts(url: string, text: string): Promise<number> {
  const names = Array.from({ length: COLD_STARTS }, () => `bench-${crypto.randomUUID().slice(0, 8)}`);
  await using folder = new Folder(await functionsFolder(names, text));
  const [runner] = await startMeasured(folder.path, names.length, url);
  await using _ = runner;
  const took: number[] = [];
  for (const name of names) {
    const started = performance.now();
    await post(runner, name);
    await eventually(async () => (await seen(runner, name)).counts.completed === 1, { interval: 1 });
    took.push(performance.now() - started);
  }
  return median(took);
}

async function hundredFunctions(url: string): Promise<{ processes: number; each: number; runner: number }> {
  const names = Array.from({ length: 100 }, () => `bench-${crypto.randomUUID().slice(0, 8)}`);
  await using folder = new Folder(await functionsFolder(names, TRIVIAL));
  const [runner] = await startMeasured(folder.path, names.length, url);
  await using _ = runner;
  for (const name of names.slice(0, 5)) await post(runner, name);
  for (const name of names.slice(0, 5)) {
    await eventually(async () => (await seen(runner, name)).counts.completed === 1);
  }
  const all: { functions: Seen[] } = await (await fetch(`${runner.url}/functions`)).json();
  const processes = all.functions.reduce((sum, view) => sum + view.processes, 0);
  const children = await guestsOf(runner.pid);
  return {
    processes,
    each: median(children.map(residentMegabytes)),
    runner: residentMegabytes(runner.pid),
  };
}

async function killedAfter(url: string): Promise<number> {
  const name = `bench-${crypto.randomUUID().slice(0, 8)}`;
  const text = `export const config = { timeout: "500ms", retry: { attempts: 1 } };
    export default (message: { body: unknown }) => { while (message.body === "loop"); };\n`;
  await using folder = new Folder(await functionsFolder([name], text));
  const [runner] = await startMeasured(folder.path, 1, url);
  await using _ = runner;
  await post(runner, name, "well");
  await eventually(async () => (await seen(runner, name)).counts.completed === 1);
  const started = performance.now();
  await post(runner, name, "loop");
  await eventually(async () => (await seen(runner, name)).counts.timedOut === 1, { interval: 2 });
  return performance.now() - started;
}
