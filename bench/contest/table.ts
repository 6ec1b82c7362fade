import { median } from "../support.ts";
import type { Measured, Store } from "./contender.ts";

/** One contender on one store, with what it took in each round. */
export interface Entry {
  readonly name: string;
  readonly store: Store;
  readonly rounds: readonly Measured[];
}

const COLUMNS = ["on", "per s", "Warren ×", "CPU µs", "MB", "first ms"];
const [NAME, WIDTH] = [32, 11];

/**
 * A table of one load. An entry is compared with the first one of its store in the same round, which is Warren in a process of
 * its own; on Redis with the very first.
 */
export function tableOf(load: string, entries: readonly Entry[]): string[] {
  const base = ({ store }: Entry) => entries.find((each) => each.store === store && store !== "Redis") ?? entries[0];
  return [line(load, COLUMNS), ...entries.map((entry) => line(entry.name, cells(entry, base(entry))))];
}

function cells(entry: Entry, base: Entry): string[] {
  const of = (field: keyof Measured) => median(entry.rounds.map((each) => each[field]));
  const ratio = median(entry.rounds.map(({ rate }, round) => base.rounds[round].rate / rate));
  return [
    entry.store,
    of("rate").toFixed(0),
    ratio.toFixed(2),
    of("cpu").toFixed(1),
    of("memory").toFixed(0),
    of("first").toFixed(0),
  ];
}

function line(name: string, cells: readonly string[]): string {
  return (name.padEnd(NAME) + cells.map((cell) => cell.padStart(WIDTH)).join("")).trimEnd();
}
