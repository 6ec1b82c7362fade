import { delay } from "../../base/time/backoff.ts";
import type { Trial } from "../../amqp/consuming/consumer.ts";
import type { Failure } from "../../invocation/outcome.ts";
import type { DeliveredInvocation } from "../../invocation/sandbox.ts";

/** A message that was returned this often is a suspect. One return is normal when a neighbour ends the runner. */
const SUSPECT = 2;
/**
 * Came back unsettled so often: it is. The last three times it was the only suspect that ran in its runner, and three
 * deaths of a runner in a row for other reasons, each with the same message in flight, are rarer than a message that kills.
 */
export const GUILTY = 5;
/** An ordered message with this many deaths is not run any more. In all but the first it was the only suspect. */
const GUILTY_ON_TRIAL = 3;
/** Milliseconds without another suspect after which one of the waiting ones is chosen. */
const QUIET = 250;
/**
 * What being set aside before weighs against the count: more than the two returns of a neighbour that only now falls
 * under suspicion, or its count would begin again each time there is such a neighbour.
 */
const KNOWN = 1.5;

type Suspicious = Pick<DeliveredInvocation, "returns" | "setAside">;

/** Whether a message may be what ends its runners. A copy that was set aside stays a suspect until it has run. */
export function isSuspect({ returns, setAside }: Suspicious): boolean {
  return returns >= SUSPECT || setAside;
}

/** Why a message must not run any more. Undefined if it may run. */
export function crashLoop({ returns }: Pick<DeliveredInvocation, "returns">): Failure | undefined {
  if (returns < GUILTY) return undefined;
  return { type: "CrashLoop", message: `its runner ended ${returns} times while it had the message` };
}

/** Like `crashLoop()`, for an ordered message, whose deaths are known from its trials. */
export function crashLoopOf({ deaths }: Pick<Trial, "deaths">): Failure | undefined {
  if (deaths < GUILTY_ON_TRIAL) return undefined;
  return { type: "CrashLoop", message: `its runner ended ${deaths} times while it ran the message` };
}

/** A suspect delivery, and the actions on it. */
export interface Suspect {
  /** The function that owns it. */
  readonly owner: unknown;
  readonly invocation: Suspicious;
  start(): void;
  /** Replaces it by a copy at the end of its queue, whose return count is 0. False if that is not possible now. */
  setAside(): Promise<boolean>;
  giveBack(): void;
}

/**
 * Finds out which message ends its runners. Brokers count a return for all that a runner had in flight when it ended; so
 * of the suspects only one runs at a time, in the whole runner, and the counts of the others begin again before it
 * starts. Its count alone grows then, if it is the one. Messages that are no suspects run beside it.
 */
export class Suspects {
  readonly #quiet: number;
  #waiting: Suspect[] = [];
  /** It runs, or will run as soon as the others are set aside. */
  #chosen: Suspect | undefined;
  #started = false;
  readonly #moving = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param quiet milliseconds without another suspect after which one of those that came is chosen */
  constructor(quiet = QUIET) {
    this.#quiet = quiet;
  }

  /** Adds a suspect. It will be started, set aside or returned. Call `leave()` after a start or a return. */
  add(suspect: Suspect): void {
    if (this.#chosen) return this.#hold(suspect);
    this.#waiting.push(suspect);
    this.#chooseSoon();
  }

  /** The suspect is settled. */
  leave(suspect: Suspect): void {
    if (this.#chosen !== suspect) return;
    this.#chosen = undefined;
    this.#started = false;
    if (this.#waiting.length > 0) this.#chooseSoon();
  }

  /** Returns the suspects of a stopped function that have not started. */
  withdraw(owner: unknown): void {
    const own = this.#waiting.filter((suspect) => suspect.owner === owner);
    this.#waiting = this.#waiting.filter((suspect) => suspect.owner !== owner);
    if (this.#chosen && this.#chosen.owner === owner && !this.#started) own.push(this.#chosen);
    for (const suspect of own) {
      suspect.giveBack();
      this.leave(suspect);
    }
    if (this.#waiting.length === 0) clearTimeout(this.#timer);
  }

  #chooseSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#choose(), this.#quiet);
  }

  async #choose(): Promise<void> {
    const [chosen, ...others] = this.#waiting.toSorted((a, b) => weightOf(b) - weightOf(a));
    if (!chosen || this.#chosen) return;
    this.#chosen = chosen;
    this.#waiting = [];
    for (const other of others) this.#hold(other);
    while (this.#moving.size > 0) {
      await Promise.all(this.#moving);
      // Acks are not confirmed: the chosen message could end the runner before the others' acks have been sent.
      await delay(this.#quiet);
    }
    if (this.#chosen !== chosen) return;
    this.#started = true;
    chosen.start();
  }

  /** Until the chosen one is done; with a count, only as a copy without. */
  #hold(suspect: Suspect): void {
    if (suspect.invocation.returns === 0) return void this.#waiting.push(suspect);
    const moved = (async () => {
      if (!await suspect.setAside()) this.#wait(suspect);
    })().finally(() => this.#moving.delete(moved));
    this.#moving.add(moved);
  }

  /** Checks whether its turn has come. */
  #wait(suspect: Suspect): void {
    this.#waiting.push(suspect);
    if (!this.#chosen) this.#chooseSoon();
  }
}

function weightOf({ invocation: { returns, setAside } }: Suspect): number {
  return returns + (setAside ? KNOWN : 0);
}
