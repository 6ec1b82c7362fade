import { describeError } from "../base/errors.ts";

/** Collects the parts of a page that can be had now, and says which cannot, and why. */
export class KnownParts {
  /** As in `depths: the broker does not answer`. */
  readonly missing: string[] = [];

  /** What was asked for, or what stands for it if that fails. */
  async get<T>(what: string, asked: Promise<T>, otherwise: T): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      this.missing.push(`${what}: ${describeError(error)}`);
      return otherwise;
    }
  }
}

/** Nothing was found. */
export const NOTHING_FOUND = { items: [], silent: [] };
