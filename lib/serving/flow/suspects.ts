import { delay } from "../../base/time/backoff.ts";
import type { Trial } from "../../amqp/consuming/consumer.ts";
import type { Failure } from "../../invocation/outcome.ts";
import type { DeliveredInvocation } from "../../invocation/sandbox.ts";

/** Came back unsettled so often: it may be what ends its runners. Once is an accident that befalls every neighbour. */
const SUSPECT = 2;
/**
 * Came back unsettled so often: it is. The last three times it was the only suspect that ran in its runner, and three
 * deaths of a runner in a row for other reasons, each with the same message in flight, are rarer than a message that kills.
 */
export const GUILTY = 5;
/** So many runners ended while they ran a message of an ordered function: all but the first time it was the only suspect. */
const GUILTY_ON_TRIAL = 3;
/** Milliseconds without another suspect after which one of those that came is chosen. */
const QUIET = 250;
/**
 * What being set aside before weighs against the count: more than the two returns of a neighbour that only now falls
 * under suspicion, or its count would begin again each time there is such a neighbour.
 */
const KNOWN = 1.5;

type Suspicious = Pick<DeliveredInvocation, "returns" | "setAside">;

/** Whether a message may be what ends its runners. One that was set aside stays a suspect until it has run. */
export function isSuspect({ returns, setAside }: Suspicious): boolean {
  return returns >= SUSPECT || setAside;
}

/** Why a message is not run any more; undefined where it may run. */
export function crashLoop({ returns }: Pick<DeliveredInvocation, "returns">): Failure | undefined {
  if (returns < GUILTY) return undefined;
  return { type: "CrashLoop", message: `its runner ended ${returns} times while it had the message` };
}

/** As `crashLoop()`, for a message that keeps its place and is known by its trials. */
export function crashLoopOf({ deaths }: Pick<Trial, "deaths">): Failure | undefined {
  if (deaths < GUILTY_ON_TRIAL) return undefined;
  return { type: "CrashLoop", message: `its runner ended ${deaths} times while it ran the message` };
}

/** A delivery under suspicion, and what can be done with it. */
export interface Suspect {
  /** Whose it is: the function. */
  readonly owner: unknown;
  readonly invocation: Suspicious;
  start(): void;
  /** Settles it with a copy at the end of its queue, whose count is 0 again. False where that is not possible now. */
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
  /** It runs, or will as soon as the others are set aside. */
  #chosen: Suspect | undefined;
  #started = false;
  readonly #moving = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param quiet milliseconds without another suspect after which one of those that came is chosen */
  constructor(quiet = QUIET) {
    this.#quiet = quiet;
  }

  /** It is told to start, to set itself aside or to go back; after a start and after going back it has to `leave()`. */
  add(suspect: Suspect): void {
    if (this.#chosen) return this.#hold(suspect);
    this.#waiting.push(suspect);
    this.#chooseSoon();
  }

  /** It is settled. */
  leave(suspect: Suspect): void {
    if (this.#chosen !== suspect) return;
    this.#chosen = undefined;
    this.#started = false;
    if (this.#waiting.length > 0) this.#chooseSoon();
  }

  /** Gives back what did not start of a function that takes no more messages. */
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
      // Nothing confirms an ack: what starts next may end the runner before those of the copied ones have left it.
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

  /** Its turn may have come by now. */
  #wait(suspect: Suspect): void {
    this.#waiting.push(suspect);
    if (!this.#chosen) this.#chooseSoon();
  }
}

function weightOf({ invocation: { returns, setAside } }: Suspect): number {
  return returns + (setAside ? KNOWN : 0);
}
