/** Milliseconds of silence after which a client appears stalled. */
const SILENCE = 1;
/** Milliseconds within which something comes if the nudge was what the client waited for. */
const HELPED = 3;
/** So many occasions are skipped at most after nudges that did not help. */
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
 * Frees clients that Nagle's algorithm holds up. Such a client does not send a small packet while an earlier one is not
 * acknowledged, and the kernel here delays an acknowledgement by some 40 ms unless there is data to carry it. A client
 * that publishes without confirms gets no data. After a moment of silence the broker sends it a heartbeat, which carries
 * the acknowledgement. Where that does not help, since the client is only slow, the broker tries it more and more rarely.
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

  /** The client published, and nothing answers that. */
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
