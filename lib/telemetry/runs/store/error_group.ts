import { createHash } from "node:crypto";
import type { RunSummary } from "../../../invocation/insight/run.ts";

/** What differs from one failure of a kind to the next. Longer patterns first: an address of a thing has numbers in it. */
const VARIABLE = [
  /"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”|«[^»]*»/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g,
  // An id: letters and digits in one.
  /\b(?=[\w-]*\d)(?=[\w-]*[a-z_-])[\w-]{6,}\b/gi,
  /\d+(?:[.,]\d+)*/g,
];
const MAX_MESSAGE = 300;
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

/** The message with numbers, ids and quoted texts as `…`. */
export function withoutVariables(message: string): string {
  let text = message.slice(0, 4 * MAX_MESSAGE);
  for (const pattern of VARIABLE) text = text.replace(pattern, "…");
  return text.replace(/…(?:[-.,:/_]?…)+/g, "…").slice(0, MAX_MESSAGE);
}

/** The first frame of the function's own code, without the column; where there is none, the first of all. */
export function topFrame(stack: string | undefined): string | undefined {
  const frames = (stack ?? "").split("\n").map((line) => line.trim()).filter((line) => line.startsWith("at "));
  const own = frames.find((line) => !FOREIGN.test(line)) ?? frames[0];
  return own?.slice("at ".length).replace(/:(\d+):\d+(\)?)$/, ":$1$2");
}
