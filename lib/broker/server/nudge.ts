/** Milliseconds of silence after which a client appears stalled. */
const SILENCE = 1;
/** Milliseconds. If data arrives within this time, the nudge helped. */
const HELPED = 3;
/** The maximum number of occasions that are skipped after nudges that did not help. */
const MOST_SKIPPED = 4096;

export interface NudgeOptions {
  /** Whether the client has work to do and the broker has sent nothing since it was read last. */
  stalled: () => boolean;
  /** Sends something small. */
  nudge: () => void;
  /** Milliseconds. @default performance.now() */
  now?: () => number;
  /** @default setTimeout */
  later?: (callback: () => void, milliseconds: number) => void;
}

/**
 * Unblocks clients that are delayed by Nagle's algorithm. Such a client does not send a small packet until its last one
 * is acknowledged, and the kernel delays that acknowledgement by about 40 ms unless it sends data anyway. A client that
 * publishes without confirms receives no data. After a moment of silence the broker sends a heartbeat, which carries
 * the acknowledgement. If that does not help because the client is just slow, the broker does it less and less often.
 */
export class Nudge {
  readonly #stalled: () => boolean;
  readonly #nudge: () => void;
  readonly #now: () => number;
  readonly #later: (callback: () => void, milliseconds: number) => void;
  #pending = false;
  #last = 0;
  #nudged: number | undefined;
  #skip = 0;
  #skipNext = 1;

  constructor({ stalled, nudge, now, later }: NudgeOptions) {
    this.#stalled = stalled;
    this.#nudge = nudge;
    this.#now = now ?? (() => performance.now());
    this.#later = later ?? ((callback, milliseconds) => void setTimeout(callback, milliseconds));
  }

  /** The client sent something. */
  received(): void {
    if (this.#nudged === undefined) return;
    const helped = this.#now() - this.#nudged < HELPED;
    this.#nudged = undefined;
    this.#skipNext = helped ? 1 : Math.min(this.#skipNext * 2, MOST_SKIPPED);
    this.#skip = this.#skipNext - 1;
  }

  /** The client published something that gets no answer. */
  unanswered(): void {
    this.#last = this.#now();
    if (this.#pending) return;
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    this.#wait(SILENCE);
  }

  #wait(milliseconds: number): void {
    this.#pending = true;
    this.#later(() => this.#look(), milliseconds);
  }

  #look(): void {
    this.#pending = false;
    if (!this.#stalled()) return;
    const left = this.#last + SILENCE - this.#now();
    if (left > 0) return this.#wait(left);
    this.#nudged = this.#now();
    this.#nudge();
  }
}
