import { fixed, KedaScaler, type Scaler } from "./scaling/scaler.ts";
import { type ContainerOptions, type DayResult, simulate } from "./scaling/simulation.ts";
import { burstyDay } from "./scaling/traffic.ts";

const CONTAINER: ContainerOptions = { concurrency: 10, handling: 0.5, starting: 20 };
const MAX = 20;
const TARGETS = [10, 20, 50, 200, 1_000];

/** What targets of the autoscaler make of a bursty day, in virtual time. It needs no broker and takes about a second. */
export function scale(): Promise<string[]> {
  const day = burstyDay();
  const rows: [string, DayResult][] = [];
  const add = (name: string, scaler: Scaler, initial: number) =>
    rows.push([name, simulate(day, scaler, CONTAINER, initial)]);
  for (const target of TARGETS) add(`target ${target}`, new KedaScaler({ target, min: 1, max: MAX }), 1);
  add("target 50, from zero", new KedaScaler({ target: 50, min: 0, max: MAX }), 0);
  add("target 50, down at once", new KedaScaler({ target: 50, min: 1, max: MAX, stabilization: 0 }), 1);
  for (const count of [1, 2, MAX]) add(`always ${count}`, fixed(count), count);
  const { concurrency, handling, starting } = CONTAINER;
  const [[, { messages }]] = rows;
  return Promise.resolve([
    `${messages} messages; a container handles ${concurrency} at once, ${handling} s each, and starts in ${starting} s`,
    row(["", "containers", "most waiting", "median s", "99 % s", "oldest s", "container-hours"]),
    ...rows.map(([name, result]) =>
      row([
        name,
        String(result.mostContainers),
        String(result.mostWaiting),
        String(result.medianAge),
        String(result.age99),
        result.left > 0 ? "never" : String(result.oldest),
        result.containerHours.toFixed(1),
      ])
    ),
  ]);
}

function row([name, ...cells]: string[]): string {
  return [name.padEnd(24), ...cells.map((cell) => cell.padStart(17))].join("").trimEnd();
}
