/** The three functions, in the order in which a message passes them. */
export const STAGES = ["first", "second", "third"] as const;
export const END = "end";
/** How many messages each function may have out in each runner. */
export const PREFETCH = 40;
/** The delays before the second attempt and the third, which is the last. */
export const DELAYS = [20, 150] as const;

/** Of a hundred invocations eighteen throw, and two throw `Reject`. */
const FAILING = 0.2;
const REJECTING = 0.02;

/** Where a message ends, and how. */
export interface Fate {
  /** `end`, or the function that it is a dead letter of. */
  readonly at: string;
  readonly reason?: "failed" | "rejected";
  readonly attempts?: number;
  /** The id that it has there: each function that it passed has added to it. */
  readonly id: string;
}

/** The same number from 0 to below 1 for the same invocation, whoever asks: the functions have this text too. */
function lot(seed: number, n: number, stage: number, attempt: number): number {
  let mixed = Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(stage * 8 + attempt, 0x85ebca6b) ^ seed;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

/** What must become of message `n`. */
export function fateOf(seed: number, n: number): Fate {
  let id = idOf(n);
  for (const [stage, at] of STAGES.entries()) {
    for (let attempts = 1;; attempts++) {
      const drawn = lot(seed, n, stage, attempts);
      if (drawn >= FAILING) break;
      if (drawn < REJECTING) return { at, reason: "rejected", attempts, id };
      if (attempts > DELAYS.length) return { at, reason: "failed", attempts, id };
    }
    id += "/0";
  }
  return { at: END, id };
}

/** The id that message `n` is published with. */
export function idOf(n: number): string {
  return `m${n}`;
}

/** The message that has this id, at whichever stage. */
export function numberOf(id: string): number {
  return parseInt(id.slice(1));
}

/** The files of the functions folder. */
export function pipeline(seed: number): Record<string, string> {
  return Object.fromEntries(STAGES.map((name, stage) => [`${name}.ts`, stageText(name, stage, seed)]));
}

/** What was out when something died comes again with `redelivered`: the log has each of those. */
function stageText(name: string, stage: number, seed: number): string {
  return `
    import { Reject } from "warren";
    ${lot}
    export const config = {
      queue: "${name}",
      output: "${STAGES[stage + 1] ?? END}",
      concurrency: ${PREFETCH},
      retry: ${JSON.stringify(DELAYS)},
      warm: true,
    };
    export default (message, context) => {
      if (message.redelivered) context.log.warn("again", { messageId: message.properties.messageId });
      const drawn = lot(${seed}, message.body, ${stage}, message.attempt);
      if (drawn < ${REJECTING}) throw new Reject("by lot");
      if (drawn < ${FAILING}) throw new Error("by lot");
      return message.body;
    };`;
}
