import { METHOD } from "../protocol/constants.ts";
import type { Output } from "../server/output.ts";
import type { Store } from "../store/store.ts";

/** What became of a publish: a queue refused it, nobody took it and it went back, or it is safe now or after a commit. */
export type Outcome = "refused" | "returned" | "taken" | "storing";

/**
 * The confirms of one channel. What needs no disk is confirmed with what leaves next, so that a return and its confirm
 * are one write; once something waits for the disk, all that follows waits with it, but for what went back. One `basic.ack` is for all that is
 * safe at that moment.
 */
export class Confirms {
  readonly #channel: number;
  readonly #output: Output;
  readonly #store: Store;
  #last = 0;
  /** The last one that is to be confirmed, and how many are. */
  #due = 0;
  #count = 0;
  /** Whether a commit is waited for. */
  #storing = false;
  #leaving = false;
  #stopped = false;

  constructor(channel: number, output: Output, store: Store) {
    this.#channel = channel;
    this.#output = output;
    this.#store = store;
  }

  /** Counts one publish, and says so to the client when it is safe, or at once where it was refused. */
  add(outcome: Outcome): void {
    const tag = ++this.#last;
    if (outcome === "refused") this.#write(METHOD.basicNack, tag, false);
    else if (outcome === "returned" && this.#storing) this.#write(METHOD.basicAck, tag, false);
    else {
      if (outcome === "storing") this.#waitForDisk();
      this.#due = tag;
      this.#count++;
      if (!this.#storing) this.#leave();
    }
  }

  /** The channel is closed: nothing more is said on it. */
  stop(): void {
    this.#stopped = true;
  }

  /** From here on everything waits for the next commit; what came before does not. */
  #waitForDisk(): void {
    if (this.#storing) return;
    this.#send();
    this.#storing = true;
    this.#store.afterCommit(() => {
      this.#storing = false;
      this.#send();
    });
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#output.beforeSend(() => {
      this.#leaving = false;
      if (!this.#storing) this.#send();
    });
  }

  #send(): void {
    if (this.#stopped || this.#count === 0) return;
    this.#write(METHOD.basicAck, this.#due, this.#count > 1);
    this.#count = 0;
  }

  #write(method: number, tag: number, multiple: boolean): void {
    this.#output.writer.method(this.#channel, method).u64(tag).u8(multiple ? 1 : 0).end();
  }
}
