import type { Logged } from "../../invocation/insight/ended.ts";
import type { RunLogLine } from "../../invocation/insight/run.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { boundedFields, cut } from "./bounded.ts";

/** What one run may have: lines, characters of a line, of its fields, and of all of them. */
const MAX_LINES = 100;
const MAX_MESSAGE = 2_048;
const MAX_FIELDS = 2_048;
const MAX_ALL = 65_536;

/** The lines of one run. */
export interface LinesOfRun {
  readonly lines: readonly RunLogLine[];
  /** How many more there were. */
  readonly leftOut: number;
}

interface Kept {
  readonly lines: RunLogLine[];
  size: number;
  leftOut: number;
}

const NONE: LinesOfRun = { lines: [], leftOut: 0 };

/** The log lines of invocations that have not ended. What is abandoned is forgotten with its invocation. */
export class LogLines {
  readonly #kept = new WeakMap<Invocation, Kept>();

  /** A line of a batch is of each of its messages, unless its field `messageId` names one. */
  add({ invocations, fields }: Logged, line: RunLogLine): void {
    const named = invocations.length > 1 ? invocations.filter((one) => isOf(one, fields)) : invocations;
    for (const invocation of named.length > 0 ? named : invocations) this.#addTo(invocation, line);
  }

  of(invocation: Invocation): LinesOfRun {
    return this.#kept.get(invocation) ?? NONE;
  }

  #addTo(invocation: Invocation, line: RunLogLine): void {
    let kept = this.#kept.get(invocation);
    if (!kept) this.#kept.set(invocation, kept = { lines: [], size: 0, leftOut: 0 });
    const size = line.message.length + (line.fields ? JSON.stringify(line.fields).length : 0);
    if (kept.lines.length >= MAX_LINES || kept.size + size > MAX_ALL) return void kept.leftOut++;
    kept.size += size;
    kept.lines.push(line);
  }
}

/** A line as it is kept: a copy of bounded size. */
export function toLine({ level, message, fields }: Logged, time: number): RunLogLine {
  const bounded = fields && boundedFields(fields, MAX_FIELDS);
  const line = { time, level, message: cut(message, MAX_MESSAGE) };
  return bounded && Object.keys(bounded).length > 0 ? { ...line, fields: bounded } : line;
}

function isOf({ properties: { messageId } }: Invocation, fields: Logged["fields"]): boolean {
  return messageId !== undefined && fields?.messageId === messageId;
}
