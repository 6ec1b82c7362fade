import type { Trial } from "../../amqp/consuming/consumer.ts";
import type { Failure } from "../../invocation/outcome.ts";
import type { Ending } from "../ending.ts";
import type { Row } from "../row.ts";
import { Strays } from "./strays.ts";
import { crashLoop, crashLoopOf } from "./suspects.ts";
import type { Waiting } from "./waiting.ts";

export interface IntakeOptions {
  waiting: Pick<Waiting, "add" | "addSuspect" | "hold" | "release" | "forget">;
  ending: Pick<Ending, "conclude" | "isSuspect">;
  /** Rows may be able to start now. */
  onRoom(): void;
}

/**
 * Decides for what a new row waits:
 *
 * - If its message still runs here, because the broker took it back and delivered it again, for the end of that run.
 * - If its message may be what ends its runners, for its turn as a suspect. If that is certain, it does not run at all.
 * - Otherwise for a batch and a slot.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #strays = new Strays();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  admit(row: Row): void {
    const stray = this.#strays.find(row);
    if (!stray) return this.#admitAlone(row);
    stray.follower = row;
    this.#options.waiting.hold(row);
  }

  /** The row runs on, but its delivery is gone. */
  addStray(row: Row): void {
    row.stray = true;
    this.#strays.add(row);
  }

  /** The row is done. If another delivery of its message waited for that, it is admitted. */
  forget(row: Row): void {
    const { waiting, onRoom } = this.#options;
    this.#strays.delete(row);
    waiting.forget(row);
    if (!row.follower || !waiting.release(row.follower)) return;
    this.#admitAlone(row.follower);
    onRoom();
  }

  #admitAlone(row: Row): void {
    const { waiting, ending } = this.#options;
    const { trial } = row.delivery;
    if (trial) return this.#admitOnTrial(row, trial);
    if (!ending.isSuspect(row)) return waiting.add(row);
    const failure = crashLoop(row.invocation);
    if (failure) return this.#refuse(row, failure);
    waiting.addSuspect(row);
  }

  /** Keeps its place. It runs beside others unless a runner ended while it ran, and then as the only suspect. */
  #admitOnTrial(row: Row, trial: Trial): void {
    const { waiting } = this.#options;
    if (trial.deaths === 0) return waiting.add(row);
    const failure = crashLoopOf(trial);
    if (failure) return this.#refuse(row, failure);
    waiting.addSuspect(row);
  }

  #refuse(row: Row, failure: Failure): void {
    this.#options.ending.conclude(row, { kind: "crashed", failure, final: true });
  }
}
