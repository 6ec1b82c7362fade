import type { Failure } from "../outcome.ts";

/** A message that the function's `envelope` or `input` does not accept: nothing was published. */
export class InvalidBody extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.type}: ${failure.message}`);
    this.failure = failure;
  }
}
