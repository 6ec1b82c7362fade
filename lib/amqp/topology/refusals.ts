import { describeError, WarrenError } from "../../base/errors.ts";
import { describeRights, type Rights } from "./rights.ts";

/** The declarations that the broker's user was refused, and which of those objects are missing. */
export class Refusals {
  /** Named as in errors: `queue "a"`. */
  readonly #missing = new Set<string>();
  #error: unknown;

  /** Whether anything was refused. */
  get any(): boolean {
    return this.#error !== undefined;
  }

  /** Whether everything exists all the same. */
  get complete(): boolean {
    return this.#missing.size === 0;
  }

  refused(error: unknown): void {
    this.#error = error;
  }

  missing(what: string): void {
    this.#missing.add(what);
  }

  isMissing(what: string): boolean {
    return this.#missing.has(what);
  }

  add(other: Refusals): void {
    if (!other.any) return;
    this.#error ??= other.#error;
    for (const what of other.#missing) this.#missing.add(what);
  }

  /**
   * @param needed what the user needs for all of it
   * @throws {WarrenError} `refused` where something is missing that the user may not declare
   */
  assertComplete(needed: Rights): void {
    if (this.complete) return;
    throw new WarrenError(
      "refused",
      `the user may not declare what is missing on the broker: ${
        [...this.#missing].join(", ")
      }. Declare it beforehand, ` +
        `or give the user the right to configure it. ${describeRights(needed)}. The broker says: ` +
        describeError(this.#error),
    );
  }
}
