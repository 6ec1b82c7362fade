import type { Logger } from "../../base/log.ts";
import type { Generation } from "../generation.ts";
import { DUPLICATE, type Reports } from "../reports.ts";
import type { Row } from "../row.ts";
import type { Dedupe } from "./dedupe.ts";

export interface DuplicatesOptions {
  dedupe: Pick<Dedupe, "claim">;
  log: Logger;
  reports: Pick<Reports, "now" | "ended">;
  /** Nothing is left to do for the row. */
  finish(row: Row): void;
  /** Another message with the row's id runs now. The row is to try again in so many milliseconds. */
  putOff(row: Row, delay: number): void;
  /** Gets the rows of a start that are to run. There may be none. */
  onClaimed(rest: readonly Row[], generation: Generation): void;
}

/** Refuses messages that were handled before, and puts off those whose twin runs now, just before they would start. */
export class Duplicates {
  /** How many were refused. */
  count = 0;
  readonly #options: DuplicatesOptions;

  constructor(options: DuplicatesOptions) {
    this.#options = options;
  }

  /** Claims the ids of the messages that are about to start. */
  async claim(start: readonly Row[], generation: Generation): Promise<void> {
    const { dedupe, putOff, onClaimed } = this.#options;
    const verdicts = await Promise.all(start.map((row) => dedupe.claim(row)));
    const rest = start.filter((row, index) => {
      const verdict = verdicts[index];
      if (verdict.kind === "run" || !row.delivery.live) return true;
      if (verdict.kind === "duplicate") this.#refuse(row);
      else putOff(row, verdict.for);
      return false;
    });
    for (const row of rest) row.start = rest;
    onClaimed(rest, generation);
  }

  #refuse(row: Row): void {
    const { log, reports, finish } = this.#options;
    const { properties: { messageId }, attempt } = row.invocation;
    this.count++;
    log.debug("refused: a message with its id was handled before", { messageId, attempt });
    row.stage = "settling";
    row.endedAt = reports.now();
    row.delivery.ack();
    reports.ended(row, { kind: "completed" }, DUPLICATE);
    finish(row);
  }
}
