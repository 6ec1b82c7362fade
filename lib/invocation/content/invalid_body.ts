import type { Failure } from "../outcome.ts";

/** The function's `envelope` or `input` does not accept the message. Nothing was published. */
export class InvalidBody extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.type}: ${failure.message}`);
    this.failure = failure;
  }
}
