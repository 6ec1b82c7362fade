import { METHOD } from "./protocol/constants.ts";
import type { Output } from "./output.ts";
import type { Store } from "./store/store.ts";

/** The confirms of one channel: one `basic.ack` for all that a commit made safe. */
export class Confirms {
  readonly #channel: number;
  readonly #output: Output;
  readonly #store: Store;
  #last = 0;
  #due = 0;
  #acked = 0;
  #scheduled = false;
  #stopped = false;

  constructor(channel: number, output: Output, store: Store) {
    this.#channel = channel;
    this.#output = output;
    this.#store = store;
  }

  /** Counts one publish, and says so to the client once it is on disk, or at once where it was refused. */
  add(taken: boolean): void {
    const tag = ++this.#last;
    if (taken) {
      this.#due = tag;
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#store.afterCommit(() => this.#send());
    } else {
      this.#output.writer.method(this.#channel, METHOD.basicNack).u64(tag).u8(0).end();
    }
  }

  /** The channel is closed: nothing more is said on it. */
  stop(): void {
    this.#stopped = true;
  }

  #send(): void {
    this.#scheduled = false;
    if (this.#stopped || this.#due === this.#acked) return;
    const multiple = this.#due - this.#acked > 1 ? 1 : 0;
    this.#output.writer.method(this.#channel, METHOD.basicAck).u64(this.#due).u8(multiple).end();
    this.#acked = this.#due;
  }
}
