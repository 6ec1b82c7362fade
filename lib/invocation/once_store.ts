/**
 * Stores which effects of `Context.once()` have run. All runners that should see the same keys share one store. Keys and
 * values are text; a store knows nothing about functions and messages.
 *
 * If the store cannot be reached, each method must reject with an error that says why. No method may hang.
 */
export interface OnceStore {
  /**
   * Claims the key for `owner`, unless another owner holds it or its value is already stored. Must be atomic across all
   * clients of the store. The claim expires after `lease` milliseconds, even if its owner is gone.
   */
  claim(key: string, owner: string, lease: number): Promise<OnceClaim>;
  /**
   * Stores the value for `keep` milliseconds, whoever holds the key now. If the key already has a value, that value stays.
   * Resolves with the stored value, after it has been written as durably as the store can.
   */
  done(key: string, owner: string, value: string | undefined, keep: number): Promise<Kept>;
  /** Releases the key, if `owner` still holds it. */
  release(key: string, owner: string): Promise<void>;
  /** Closes the store. Called once, when the runner stops and no other call is in progress. */
  close(): Promise<void>;
}

/** The stored value of an effect: JSON, or `undefined`. */
export interface Kept {
  readonly value: string | undefined;
}

/** The result of a claim. */
export type OnceClaim =
  | { readonly kind: "claimed" }
  | { readonly kind: "done"; readonly value: string | undefined }
  /** Another owner holds the key, for at most this many milliseconds. */
  | { readonly kind: "held"; readonly for: number };

/** What all functions share for `once()`. */
export interface OnceKeeping {
  readonly store: OnceStore;
  /** Milliseconds that keys are kept. */
  readonly keep: number;
}

/** Maximum length of a key in characters. */
export const MAX_KEY = 512;
/** Maximum size of a stored value: JSON in UTF-8, in bytes. */
export const MAX_VALUE = 64 * 1024;

/** Whether the key is valid. Ill-formed Unicode would change when a store encodes it. */
export function isKey(key: unknown): key is string {
  return typeof key === "string" && key !== "" && key.length <= MAX_KEY && key.isWellFormed();
}

/** Whether the value is short enough to be stored. */
export function fits(value: string): boolean {
  // A UTF-16 unit takes one to three bytes in UTF-8.
  if (value.length * 3 <= MAX_VALUE) return true;
  return value.length <= MAX_VALUE && new TextEncoder().encode(value).length <= MAX_VALUE;
}
