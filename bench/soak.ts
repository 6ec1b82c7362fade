import type { BenchArguments } from "./arguments.ts";
import { cpuOf } from "./cpu.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { progress } from "./held.ts";
import { flatness, type MemorySample, PARTS, type Range, rangeOf } from "./soak/memory_windows.ts";
import { SoakedRunner } from "./soak/soaked_runner.ts";
import { sleep } from "./support.ts";

/** Messages a second. */
const RATE = 1_000;
/** Seconds between two samples. */
const INTERVAL = 10;
/** Samples while everything warms up; they are in no window. */
const WARM_UP = 3;
/** Milliseconds from the end of the load to the last sample. */
const QUIET = 15_000;
/** Characters of a column. */
const WIDTH = 20;

/**
 * Memory under a steady load: 1,000 messages a second for `--minutes`, on the embedded broker. The load is that of
 * `SoakedRunner`.
 */
export async function soak({ minutes = 60 }: BenchArguments): Promise<string[]> {
  await using broker = await EmbeddedBroker.start();
  await using soaked = await SoakedRunner.start(broker, RATE);
  const { runner, load } = soaked;
  const samples: MemorySample[] = [];
  const size = windowSize(minutes);
  const started = performance.now();
  for (let n = 1; n <= minutes * 60 / INTERVAL; n++) {
    await sleep(started + n * INTERVAL * 1000 - performance.now());
    samples.push(await soaked.sample());
    progress(`soak, ${n * INTERVAL} s: ${shown(samples[n - 1])}; ${load.done} done, ${load.waiting} wait`);
  }
  await soaked.finish();
  const seconds = (performance.now() - started) / 1000;
  const [cpu, brokerCpu] = [cpuOf(runner.pid), cpuOf(broker.pid)];
  await sleep(QUIET);
  const after = await soaked.sample();
  const windows = windowsOf(samples.slice(WARM_UP), size);
  const perMessage = (ms: number) => `${Math.round(ms * 1000 / load.published)} µs`;
  return [
    `${`MB: min/median/max of ${+(size * INTERVAL / 60).toFixed(1)} min`.padEnd(34)}${
      PARTS.map((part) => part.padStart(WIDTH)).join("")
    }`,
    ...windows.map((window, at) => row(`${at + 1}`, PARTS.map((part) => range(window[part])))),
    row(`${QUIET / 1000} s after the load`, PARTS.map((part) => after[part].toFixed(0))),
    row("flat", PARTS.map((part) => verdict(windows.map((window) => window[part])))),
    row("CPU for a message", [cpu.own, brokerCpu.own, cpu.started].map(perMessage)),
    `${load.published} messages in ${Math.round(seconds)} s, ${load.done} outputs`,
  ];
}

/** How many samples are in a window: those of ten minutes; a shorter soak has three windows. */
function windowSize(minutes: number): number {
  const samples = minutes * 60 / INTERVAL - WARM_UP;
  return Math.max(1, Math.min(600 / INTERVAL, Math.floor(samples / 3)));
}

type Window = Record<keyof MemorySample, Range>;

/** What is left over at the end belongs to the last one. */
function windowsOf(samples: readonly MemorySample[], size: number): Window[] {
  const count = Math.max(1, Math.floor(samples.length / size));
  return Array.from({ length: count }, (_, at) => {
    const some = samples.slice(at * size, at === count - 1 ? undefined : (at + 1) * size);
    const of = (part: keyof MemorySample) => rangeOf(some.map((sample) => sample[part]))!;
    return { runner: of("runner"), broker: of("broker"), functions: of("functions") };
  });
}

function range({ min, median, max }: Range): string {
  return [min, median, max].map((value) => value.toFixed(0)).join("/");
}

function verdict(windows: readonly Range[]): string {
  const { flat, growth, swing } = flatness(windows);
  return `${flat ? "yes" : "no"} (×${growth.toFixed(2)}, ×${swing.toFixed(2)})`;
}

function shown(sample: MemorySample): string {
  return PARTS.map((part) => `${part} ${sample[part].toFixed(0)} MB`).join(", ");
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(34) + cells.map((cell) => cell.padStart(WIDTH)).join("");
}
