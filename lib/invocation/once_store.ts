/**
 * Where it is kept which effects have run: see `Context.once()`. A store is shared by every runner that shall see the
 * same keys. It knows nothing of functions or messages: a key and a value are text.
 *
 * Every method rejects, with an error that says why, where the store cannot be reached; none may hang.
 */
export interface OnceStore {
  /**
   * Takes the key for `owner`, unless it is taken or done: atomic among all that share the store. The claim ends by
   * itself after `lease` milliseconds, whatever becomes of its owner.
   */
  claim(key: string, owner: string, lease: number): Promise<OnceClaim>;
  /**
   * Keeps the value for `keep` milliseconds, whoever holds the key by now, unless there is one already. Resolves with what
   * is kept, once it lasts as well as the store makes anything last.
   */
  done(key: string, owner: string, value: string | undefined, keep: number): Promise<Kept>;
  /** Gives the key up, if `owner` holds it still. */
  release(key: string, owner: string): Promise<void>;
  /** Called once, at the runner's end, when nothing else is under way. */
  close(): Promise<void>;
}

/** What an effect left: JSON, or nothing. */
export interface Kept {
  readonly value: string | undefined;
}

/** What became of a claim. */
export type OnceClaim =
  | { readonly kind: "claimed" }
  | { readonly kind: "done"; readonly value: string | undefined }
  /** Somebody else has it, for up to so many milliseconds. */
  | { readonly kind: "held"; readonly for: number };

/** What `once()` of every function needs. */
export interface OnceKeeping {
  readonly store: OnceStore;
  /** Milliseconds that a key is remembered. */
  readonly keep: number;
}

/** Characters of a key. */
export const MAX_KEY = 512;
/** Bytes of what an effect leaves, as JSON in UTF-8. */
export const MAX_VALUE = 64 * 1024;

/** Whether it can be a key: what is no Unicode would be another key in a store. */
export function isKey(key: unknown): key is string {
  return typeof key === "string" && key !== "" && key.length <= MAX_KEY && key.isWellFormed();
}

/** Whether it is short enough to be kept. */
export function fits(value: string): boolean {
  // No character has fewer bytes than one, or more than three.
  if (value.length * 3 <= MAX_VALUE) return true;
  return value.length <= MAX_VALUE && new TextEncoder().encode(value).length <= MAX_VALUE;
}
