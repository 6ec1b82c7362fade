import { METHOD } from "../protocol/constants.ts";
import type { Output } from "../server/output.ts";
import type { Store } from "../store/store.ts";

/**
 * The result of a publish: a queue refused it, it was returned as unroutable, it is safe now, or it will be safe after
 * a commit.
 */
export type Outcome = "refused" | "returned" | "taken" | "storing";

/**
 * The confirms of one channel. A publish that needs no disk is confirmed with the next write, so that a return and its
 * confirm leave together. Once a publish waits for the disk, all later confirms wait too, except those of returned
 * messages. One `basic.ack` covers everything that is safe at that moment.
 */
export class Confirms {
  readonly #channel: number;
  readonly #output: Output;
  readonly #store: Store;
  #last = 0;
  /** The last publish to confirm, and how many there are. */
  #due = 0;
  #count = 0;
  /** Whether a commit is pending. */
  #storing = false;
  #leaving = false;
  #stopped = false;

  constructor(channel: number, output: Output, store: Store) {
    this.#channel = channel;
    this.#output = output;
    this.#store = store;
  }

  /** Counts one publish. Confirms it once it is safe, or rejects it at once if a queue refused it. */
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

  /** The channel is closed, so nothing more is sent on it. */
  stop(): void {
    this.#stopped = true;
  }

  /** From now on confirms wait for the next commit. Earlier ones are sent first. */
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
