import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { Admission } from "./admission.ts";
import { Batcher } from "./batcher.ts";
import type { Row } from "../row.ts";
import type { Suspect, Suspects } from "./suspects.ts";
import type { Timers } from "../../base/time/timers.ts";

export interface WaitingOptions {
  definition: FunctionDefinition;
  timers: Timers;
  /** Shared by all functions of the runner. */
  suspects: Suspects;
  /** A row's delivery is gone: it is done. */
  onDead(row: Row): void;
  /** Something may start now. */
  onRoom(): void;
  /** Gives a suspect back to its queue. */
  giveBack(row: Row): void;
  /** Settles a suspect with a copy at the end of its queue. False where that is not possible now. */
  setAside(row: Row): Promise<boolean>;
}

/** The rows of a function that have not begun: for a batch, for a place, for a time, or at the desk of the suspects. */
export class Waiting {
  readonly #options: WaitingOptions;
  readonly #admission: Admission<readonly Row[]>;
  /** Rows that wait for something else than a batch or a place, and what cancels that. */
  readonly #held = new Map<Row, () => void>();
  #batcher: Batcher<Row> | undefined;

  constructor(options: WaitingOptions) {
    this.#options = options;
    const { definition: { concurrency, rateLimit: rate }, timers, onRoom } = options;
    this.#admission = new Admission({ concurrency, rate, isOver: (start) => this.#isOver(start), onRoom, timers });
    this.#batcher = this.#collect(options.definition);
  }

  /** For its batch, if the function wants batches, and then for a place. */
  add(row: Row): void {
    const start = this.#batcher ? this.#batcher.add(row) : [row];
    if (start) this.#admission.add(start);
  }

  /** For a place alone, in no batch with others. */
  addAlone(row: Row): void {
    this.#admission.add([row]);
    this.#options.onRoom();
  }

  /** Until that many milliseconds have passed, and then for a place; without them until it is released. */
  hold(row: Row, ms?: number): void {
    const timed = () => {
      this.#held.delete(row);
      this.addAlone(row);
    };
    this.#held.set(row, ms === undefined ? () => {} : this.#options.timers.after(ms, timed));
  }

  /** It is held no more. False where it was not. */
  release(row: Row): boolean {
    this.#held.get(row)?.();
    return this.#held.delete(row);
  }

  /** At the desk, where one suspect runs at a time in the whole runner. */
  addSuspect(row: Row): void {
    const { suspects, giveBack, setAside } = this.#options;
    const waits = () => row.stage === "waiting";
    const suspect: Suspect = {
      owner: this,
      // One that keeps its place waits at the desk, whatever its count.
      invocation: row.delivery.trial ? { returns: 0, setAside: true } : row.invocation,
      start: () => waits() ? this.addAlone(row) : suspects.leave(suspect),
      giveBack: () => waits() ? giveBack(row) : undefined,
      setAside: () => waits() ? setAside(row) : Promise.resolve(true),
    };
    row.suspect = suspect;
    suspects.add(suspect);
  }

  /** Takes what may start now. Each start has to `leave()`. */
  take(): (readonly Row[])[] {
    return this.#admission.take();
  }

  leave(): void {
    this.#admission.leave();
  }

  /** Waits by the configuration of another version from now on. */
  become(definition: FunctionDefinition): void {
    const rows = this.#clearStarts();
    this.#admission.become(definition.concurrency, definition.rateLimit);
    this.#batcher = this.#collect(definition);
    for (const row of rows) this.add(row);
  }

  /** Takes all of them. Suspects go back by themselves. */
  clear(): Row[] {
    const held = [...this.#held.keys()];
    for (const row of held) this.release(row);
    this.#options.suspects.withdraw(this);
    return [...this.#clearStarts(), ...held].filter(({ stage }) => stage === "waiting");
  }

  #clearStarts(): Row[] {
    return [...this.#admission.clear().flat(), ...this.#batcher?.clear() ?? []]
      .filter(({ stage }) => stage === "waiting");
  }

  /** What waited while its delivery went away takes no place. */
  #isOver(start: readonly Row[]): boolean {
    for (const row of start) if (row.stage === "waiting" && !row.delivery.live) this.#options.onDead(row);
    return start.every(({ stage }) => stage !== "waiting");
  }

  #collect({ batch }: FunctionDefinition): Batcher<Row> | undefined {
    const onDue = (start: readonly Row[]) => {
      this.#admission.add(start);
      this.#options.onRoom();
    };
    return batch && new Batcher({ ...batch, onDue, timers: this.#options.timers });
  }
}
