import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { isKey, type OnceStore } from "../../invocation/once_store.ts";
import type { Row } from "../row.ts";

/** What becomes of a row whose function has `dedupe`. */
export type Verdict =
  | { readonly kind: "run" }
  /** Its message was handled before. */
  | { readonly kind: "duplicate" }
  /** A message with its id runs now, for at most so many milliseconds. */
  | { readonly kind: "busy"; readonly for: number };

export interface DedupeOptions {
  store: OnceStore;
  log: Logger;
}

/** Milliseconds by which a claim outlasts the time limit, since ending and settling take time too. */
const MARGIN = 10_000;
/** Milliseconds after which a message is looked at again whose twin runs. */
const AGAIN = 1_000;
const RUN: Verdict = { kind: "run" };

/**
 * Refuses messages whose ids were handled a short while ago, by the store of `once()`: an id is claimed before the handler
 * runs, done once its message is settled, and released if it failed. Where the store cannot be used, messages run: handling
 * one twice is better than not at all.
 */
export class Dedupe {
  readonly #store: OnceStore;
  readonly #log: Logger;
  readonly #pending = new Set<Promise<void>>();
  #told = false;

  constructor({ store, log }: DedupeOptions) {
    this.#store = store;
    this.#log = log;
  }

  /** Never rejects. */
  async claim(row: Row): Promise<Verdict> {
    const key = keyOf(row);
    if (key === undefined) return RUN;
    const owner = crypto.randomUUID();
    try {
      const claim = await this.#store.claim(key, owner, row.generation.definition.timeout + MARGIN);
      this.#told = false;
      if (claim.kind === "done") return { kind: "duplicate" };
      if (claim.kind === "held") return { kind: "busy", for: Math.min(AGAIN, Math.max(1, claim.for)) };
      row.claim = owner;
    } catch (error) {
      this.#tell("messages run without a look at whether they ran before", error);
    }
    return RUN;
  }

  /** The row is settled, and its handler completed. */
  done(row: Row): void {
    const [key, owner, keep] = [keyOf(row), row.claim, row.generation.definition.dedupe];
    row.claim = undefined;
    if (key === undefined || owner === undefined || keep === undefined) return;
    this.#follow(this.#store.done(key, owner, undefined, keep).then(() => {}));
  }

  /** The row has not been handled, so its message may run again at once. */
  release(row: Row): void {
    const [key, owner] = [keyOf(row), row.claim];
    row.claim = undefined;
    if (key !== undefined && owner !== undefined) this.#follow(this.#store.release(key, owner));
  }

  /** Resolves once the store has everything. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #follow(asked: Promise<void>): void {
    const followed = asked.catch((error) => this.#tell("a handled message could run again", error))
      .finally(() => this.#pending.delete(followed));
    this.#pending.add(followed);
  }

  /** Once for each time that the store is down. */
  #tell(what: string, error: unknown): void {
    if (!this.#told) this.#log.warn(`dedupe cannot use the store of once(), so ${what}: ${describeError(error)}`);
    this.#told = true;
  }
}

/** Undefined where there is nothing to compare. No key of `once()` looks like it, since no function's name has a colon. */
function keyOf({ invocation: { properties: { messageId } }, generation: { definition } }: Row): string | undefined {
  if (!messageId) return undefined;
  const key = `dedupe:${definition.name}/${messageId}`;
  return isKey(key) ? key : undefined;
}
