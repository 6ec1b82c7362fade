import type { OutcomeKind } from "../../lib/invocation/outcome.ts";

/** The body of the message that an animal misbehaves on; it completes every other. */
export const MISBEHAVE = "misbehave";

/** A function that misbehaves. */
export interface Animal {
  /** What it does, as a sentence without its subject. */
  readonly does: string;
  /** Statements of an async handler; `message` and `context` are there. */
  readonly handler?: string;
  /** Instead of a handler: the whole module. */
  readonly module?: string;
  readonly config?: Record<string, unknown>;
  /** Milliseconds that its module may take to load. @default 30_000 */
  readonly loadTimeout?: number;
  /** The broker confirms nothing of what it publishes. @default false */
  readonly unconfirmed?: boolean;
  /** How its message ends; several where it is a race. */
  readonly ends: OutcomeKind | readonly OutcomeKind[];
  /** A part of the reason. */
  readonly because?: string;
  /** A part of a line in the runner's log. */
  readonly logs?: string;
  /** How an innocent message ends right after: not well where it harmed its own process. @default "completed" */
  readonly after?: OutcomeKind;
  /** How one ends after that. @default "completed", or "abandoned" where `after` is */
  readonly finally?: OutcomeKind;
}

/** The source of its module. */
export function moduleOf({ module, handler }: Animal): string {
  return module ?? `
    export default async (message, context) => {
      if (message.body !== ${JSON.stringify(MISBEHAVE)}) return;
      ${handler}
    };`;
}
