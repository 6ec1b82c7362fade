import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Ended, Observer, ProcessEnd } from "../../invocation/insight/ended.ts";
import { OTHER } from "../names.ts";
import { FunctionCounts } from "./function_counts.ts";

/** Gets each value of the histograms as it comes. Both are in seconds. */
export interface HistogramSink {
  duration(label: string, seconds: number): void;
  wait(label: string, seconds: number): void;
}

/**
 * Counts what becomes of messages, function by function. For each message it adds to a few plain numbers; everything else
 * is done when somebody collects them.
 */
export class MessageMetrics implements Observer {
  readonly #limit: number;
  /** By the name of the function. Functions beyond the limit share the last entry. */
  readonly #counts = new Map<string, FunctionCounts>();
  readonly #other = new FunctionCounts(OTHER);
  /** Functions that have counts of their own. */
  #own = 0;
  /** Functions that were gone when the counts were collected last. */
  #gone = new Set<string>();
  /** Where the histograms go as well. */
  sink: HistogramSink | undefined;

  /** @param limit functions with series of their own; the others are counted together as `other` */
  constructor(limit: number) {
    this.#limit = limit;
  }

  ended({ definition, invocation, outcome, next, startedAt, endedAt }: Ended): void {
    const counts = this.of(definition.name);
    if (next.kind === "return") {
      counts.returned++;
      return;
    }
    counts.outcomes[outcome.kind]++;
    if (next.kind === "retry") counts.retries++;
    else if (next.kind === "deadLetter") counts.deadLetters++;
    // The handler was not called.
    if (outcome.kind === "undecodable") return;
    const duration = (endedAt - startedAt) / 1_000;
    counts.duration.add(duration);
    this.sink?.duration(counts.label, duration);
    if (invocation.attempt !== 1) return;
    const published = invocation.properties.timestamp;
    if (published === undefined) return;
    const wait = Math.max(0, startedAt - published.getTime()) / 1_000;
    // A timestamp can be any number.
    if (Number.isNaN(wait)) return;
    counts.wait.add(wait);
    this.sink?.wait(counts.label, wait);
  }

  coldStart({ name }: FunctionDefinition, duration: number): void {
    const counts = this.of(name);
    counts.coldStarts++;
    counts.coldStartTime += duration;
  }

  processEnded({ name }: FunctionDefinition, how: ProcessEnd): void {
    this.of(name).restarts[how]++;
  }

  /** The counts of a function. From the first call on they exist, and begin at zero. */
  of(name: string): FunctionCounts {
    return this.#counts.get(name) ?? this.#add(name);
  }

  /**
   * All counts, `other` only where something shares it. A function that is gone is there one last time, so that what it
   * did at the end is not missed; after that its counts are forgotten.
   *
   * @param names the functions that exist now
   */
  collect(names: ReadonlySet<string>): FunctionCounts[] {
    for (const name of this.#gone) if (!names.has(name)) this.#forget(name);
    for (const name of names) this.of(name);
    this.#gone = new Set([...this.#counts.keys()].filter((name) => !names.has(name)));
    return [...new Set(this.#counts.values())];
  }

  #add(name: string): FunctionCounts {
    const hasRoom = name !== OTHER && this.#own < this.#limit;
    const counts = hasRoom ? new FunctionCounts(name) : this.#other;
    if (hasRoom) this.#own++;
    this.#counts.set(name, counts);
    return counts;
  }

  #forget(name: string): void {
    if (!this.#counts.has(name)) return;
    if (this.#counts.get(name) !== this.#other) this.#own--;
    this.#counts.delete(name);
  }
}
