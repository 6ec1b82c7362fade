import { describeError } from "../base/errors.ts";
import { endsWithin } from "../base/time/within.ts";

/** Milliseconds for each part: a page is shown without what takes longer, and gets it once it is known. */
const PATIENCE = 1_500;

/** Collects the parts of a page that can be had now, and says which cannot, and why. */
export class KnownParts {
  /** As in `depths: the broker does not answer`. */
  readonly missing: string[] = [];
  readonly #patience: number;

  /** @param patience milliseconds for each part. @default 1_500 */
  constructor(patience = PATIENCE) {
    this.#patience = patience;
  }

  /** What was asked for, or what stands for it if that fails or takes too long. */
  async get<T>(what: string, asked: Promise<T>, otherwise: T): Promise<T> {
    try {
      if (await endsWithin(this.#patience, asked)) return await asked;
      this.missing.push(`${what}: no answer in ${this.#patience / 1_000} s`);
    } catch (error) {
      this.missing.push(`${what}: ${describeError(error)}`);
    }
    return otherwise;
  }
}

/** Nothing was found. */
export const NOTHING_FOUND = { items: [], silent: [] };
