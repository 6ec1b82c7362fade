import type { Settled } from "../amqp/publishing/settle.ts";
import type { FinalOutcome, Next, Observer } from "../invocation/insight/ended.ts";
import type { Outcome } from "../invocation/outcome.ts";
import type { Row } from "./row.ts";
import type { Copying } from "./settlement.ts";

/** Reports to the observer, if there is one, how rows ended. Without one it costs nothing. */
export class Reports {
  readonly #observer: Observer | undefined;
  readonly #clock: () => number;
  /** What the clock said in this turn of the event loop; 0 before it was asked. */
  #now = 0;
  readonly #forgetNow = () => void (this.#now = 0);

  /** @param clock gives milliseconds since 1970 */
  constructor(observer: Observer | undefined, clock: () => number = Date.now) {
    this.#observer = observer;
    this.#clock = clock;
  }

  /** The time, for what is reported later, the same for all of a group; 0 if nobody observes. */
  now(): number {
    if (!this.#observer || this.#now !== 0) return this.#now;
    queueMicrotask(this.#forgetNow);
    return this.#now = this.#clock();
  }

  /** Whether somebody wants to know how far its handler gets. */
  started({ generation: { definition }, invocation, startedAt }: Row): boolean {
    return this.#observer?.started?.(definition, invocation, startedAt) ?? false;
  }

  /** Not what was abandoned: that is no end. */
  ended(row: Row, outcome: Outcome, next: Next): void {
    if (!this.#observer || outcome.kind === "abandoned") return;
    this.#report(this.#observer, row, outcome, next);
  }

  #report(observer: Observer, row: Row, outcome: FinalOutcome, next: Next): void {
    const { generation: { definition }, invocation, published, receivedAt, startedAt, endedAt } = row;
    observer.ended({
      definition,
      invocation,
      outcome,
      next,
      published,
      receivedAt,
      startedAt: startedAt === 0 ? endedAt : startedAt,
      endedAt,
    });
  }
}

export const ACKED: Next = { kind: "ack" };
export const DUPLICATE: Next = { kind: "ack", duplicate: true };
export const RETURNED: Next = { kind: "return" };
export const LOST: Next = { kind: "return", lost: true };
/** Why a retry became a dead letter: see `Settler`. */
const UNRETRIED: Next = { kind: "deadLetter", reason: "failed" };

/** How a row went on that was to be copied. */
export function nextOf(conclusion: Copying, settled: Settled): Next {
  if (settled === "lost") return LOST;
  if (settled === "unretried") return UNRETRIED;
  switch (conclusion.kind) {
    case "again":
      return RETURNED;
    case "deadLetter":
      return { kind: "deadLetter", reason: conclusion.reason };
    case "retry":
      return { kind: "retry", delay: conclusion.delay, attempt: conclusion.attempt };
  }
}
