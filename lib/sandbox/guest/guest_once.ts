import type { OnceAnswer } from "../host/once_calls.ts";
import type { OnceLine } from "../handler/once_effects.ts";
import type { FromGuest } from "../wire/protocol.ts";

/** The calls of `once()` in a function's process, sent to the runner and answered by it. */
export class GuestOnce {
  readonly #send: (message: FromGuest) => void;
  readonly #waiting = new Map<number, (answer: OnceAnswer) => void>();
  #nextCall = 1;

  constructor(send: (message: FromGuest) => void) {
    this.#send = send;
  }

  /** The calls of the invocation with that number. */
  line(id: number): OnceLine {
    return {
      claim: async (key) => {
        const call = this.#nextCall++;
        return { call, answer: await this.#ask(call, ["once", id, call, key]) };
      },
      done: (call, value) => this.#ask(call, ["onceDone", id, call, value]),
      failed: (call) => this.#send(["onceFailed", id, call]),
    };
  }

  receive(call: number, answer: OnceAnswer): void {
    this.#waiting.get(call)?.(answer);
    this.#waiting.delete(call);
  }

  #ask(call: number, message: FromGuest): Promise<OnceAnswer> {
    return new Promise((resolve) => {
      this.#waiting.set(call, resolve);
      this.#send(message);
    });
  }
}
