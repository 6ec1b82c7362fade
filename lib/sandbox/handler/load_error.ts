import { describeError } from "../../base/errors.ts";
import { type Failure, toFailure } from "../../invocation/outcome.ts";

/** Where our own code is, which may be on the stack of what a module throws. */
const OURS = import.meta.resolve("../");

/** Why a function's module does not load: the function's own fault, in its own words, with the line that threw. */
export class LoadError extends Error {
  override name = "LoadError";

  constructor({ message, stack }: Pick<Failure, "message" | "stack">) {
    const place = placeIn(stack);
    const where = place && !message.includes(place) ? `, at ${place}` : "";
    super(`the module could not be loaded: ${message}${where}`);
  }
}

/** What is said of a module that does not load, wherever it runs. */
export function loadError(error: unknown): LoadError {
  return error instanceof LoadError ? error : new LoadError({ ...toFailure(error), message: describeError(error) });
}

/** The topmost line of a stack that is in a module of the function. */
function placeIn(stack = ""): string | undefined {
  const place = /^\s+at .*?((?:file|https?):\S+?:\d+:\d+)\)?$/m.exec(stack)?.[1];
  return place?.startsWith(OURS) ? undefined : place;
}
