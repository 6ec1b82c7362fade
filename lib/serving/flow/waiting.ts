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
  /** A row's delivery is gone, so the row is done. */
  onDead(row: Row): void;
  /** Rows may be able to start now. */
  onRoom(): void;
  /** Returns a suspect to its queue. */
  giveBack(row: Row): void;
  /** Replaces a suspect by a copy at the end of its queue. False if that is not possible now. */
  setAside(row: Row): Promise<boolean>;
}

/** The rows of a function that have not begun. They wait for a batch, for a slot, for a time, or as suspects. */
export class Waiting {
  readonly #options: WaitingOptions;
  readonly #admission: Admission<readonly Row[]>;
  /** Rows that wait for something other than a batch or a slot, with a function that cancels the wait. */
  readonly #held = new Map<Row, () => void>();
  #batcher: Batcher<Row> | undefined;

  constructor(options: WaitingOptions) {
    this.#options = options;
    const { definition: { concurrency, rateLimit: rate }, timers, onRoom } = options;
    this.#admission = new Admission({ concurrency, rate, isOver: (start) => this.#isOver(start), onRoom, timers });
    this.#batcher = this.#collect(options.definition);
  }

  /** Waits for a batch if the function wants batches, and then for a slot. */
  add(row: Row): void {
    const start = this.#batcher ? this.#batcher.add(row) : [row];
    if (start) this.#admission.add(start);
  }

  /** Waits for a slot, without joining a batch. */
  addAlone(row: Row): void {
    this.#admission.add([row]);
    this.#options.onRoom();
  }

  /** Waits for that many milliseconds, and then for a slot. If undefined, it waits until it is released. */
  hold(row: Row, ms?: number): void {
    const timed = () => {
      this.#held.delete(row);
      this.addAlone(row);
    };
    this.#held.set(row, ms === undefined ? () => {} : this.#options.timers.after(ms, timed));
  }

  /** Releases a row that is held. False if it was not held. */
  release(row: Row): boolean {
    this.#held.get(row)?.();
    return this.#held.delete(row);
  }

  /** A row that began waits once more, in its place, for that many milliseconds. */
  putBack(row: Row, ms: number): void {
    row.stage = "waiting";
    this.#leaveDesk(row);
    this.hold(row, ms);
  }

  /** The row is done. */
  forget(row: Row): void {
    this.release(row);
    this.#leaveDesk(row);
  }

  /** Waits as a suspect. Only one suspect runs at a time in the whole runner. */
  addSuspect(row: Row): void {
    const { suspects, giveBack, setAside } = this.#options;
    const waits = () => row.stage === "waiting";
    const suspect: Suspect = {
      owner: this,
      // A row that keeps its place in an order waits here, whatever its count.
      invocation: row.delivery.trial ? { returns: 0, setAside: true } : row.invocation,
      start: () => waits() ? this.addAlone(row) : suspects.leave(suspect),
      giveBack: () => waits() ? giveBack(row) : undefined,
      setAside: () => waits() ? setAside(row) : Promise.resolve(true),
    };
    row.suspect = suspect;
    suspects.add(suspect);
  }

  /** Takes the rows that may start now. Call `leave()` for each. */
  take(): (readonly Row[])[] {
    return this.#admission.take();
  }

  leave(): void {
    this.#admission.leave();
  }

  /** Uses the configuration of another version from now on. */
  become(definition: FunctionDefinition): void {
    const rows = this.#clearStarts();
    this.#admission.become(definition.concurrency, definition.rateLimit);
    this.#batcher = this.#collect(definition);
    for (const row of rows) this.add(row);
  }

  /** Removes all waiting rows. Suspects return to their queue by themselves. */
  clear(): Row[] {
    const held = [...this.#held.keys()];
    for (const row of held) this.release(row);
    this.#options.suspects.withdraw(this);
    return [...this.#clearStarts(), ...held].filter(({ stage }) => stage === "waiting");
  }

  /** Another suspect may run. */
  #leaveDesk(row: Row): void {
    if (row.suspect) this.#options.suspects.leave(row.suspect);
    row.suspect = undefined;
  }

  #clearStarts(): Row[] {
    return [...this.#admission.clear().flat(), ...this.#batcher?.clear() ?? []]
      .filter(({ stage }) => stage === "waiting");
  }

  /** A row whose delivery is gone while it waits takes no slot. */
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
