import { describeError } from "../../base/errors.ts";
import { type Failure, toFailure } from "../../invocation/outcome.ts";

/** The location of Warren's own code, which may be on the stack of an error that a module throws. */
const OURS = import.meta.resolve("../");

/** The function's module does not load. Contains the module's own error, with the line that threw. */
export class LoadError extends Error {
  override name = "LoadError";

  constructor({ message, stack }: Pick<Failure, "message" | "stack">) {
    const place = placeIn(stack);
    const where = place && !message.includes(place) ? `, at ${place}` : "";
    super(`the module could not be loaded: ${message}${where}`);
  }
}

/** The error text for a module that does not load, in every sandbox. */
export function loadError(error: unknown): LoadError {
  return error instanceof LoadError ? error : new LoadError({ ...toFailure(error), message: describeError(error) });
}

/** The topmost stack line that is in a module of the function. */
function placeIn(stack = ""): string | undefined {
  const place = /^\s+at .*?((?:file|https?):\S+?:\d+:\d+)\)?$/m.exec(stack)?.[1];
  return place?.startsWith(OURS) ? undefined : place;
}
