import { createHash } from "node:crypto";
import type { RunSummary } from "../../../invocation/insight/run.ts";
import { withoutVariables } from "../../../invocation/insight/without_variables.ts";

/** Frames that are of the runtime or of Warren, and say nothing of the function. */
const FOREIGN = /^at (?:async )?(?:.*\()?(?:ext:|node:|.*\/lib\/sandbox\/)/;

/** What a group of failures has in common. */
export interface ErrorKind {
  readonly key: string;
  readonly message: string;
  readonly frame: string | undefined;
}

/** The kind of a run's failure: its type, its message without what varies, and the place in the code. */
export function errorKind(
  { function: name, error }: Pick<RunSummary, "function" | "error">,
  stack?: string,
): ErrorKind {
  const message = withoutVariables(error?.message ?? "");
  const frame = topFrame(stack);
  const hash = createHash("sha256").update(JSON.stringify([name, error?.type, message, frame]));
  return { key: hash.digest("hex").slice(0, 16), message, frame };
}

/** The first frame of the function's own code, without the column; otherwise the first frame. */
export function topFrame(stack: string | undefined): string | undefined {
  const frames = (stack ?? "").split("\n").map((line) => line.trim()).filter((line) => line.startsWith("at "));
  const own = frames.find((line) => !FOREIGN.test(line)) ?? frames[0];
  return own?.slice("at ".length).replace(/:(\d+):\d+(\)?)$/, ":$1$2");
}
