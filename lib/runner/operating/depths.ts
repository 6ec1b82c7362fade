import type { Lent } from "../../amqp/topology/declaring_connection.ts";
import type { DepthGauge, Watched } from "../../amqp/depth/depth_gauge.ts";
import { describeError } from "../../base/errors.ts";
import type { Depth } from "../../invocation/insight/depth.ts";

export interface DepthsOptions {
  gauge: Pick<DepthGauge, "measure" | "keepOnly">;
  /** A connection to ask on, for as long as it is used. */
  lend: () => Promise<Lent>;
  /** All functions that have a queue, as they are now. */
  functions: () => readonly Watched[];
  /** Is called where the broker cannot be asked, with the reason. */
  onFailure?: (reason: string) => void;
  /** Is called with the depths of all functions, after they were measured. */
  onMeasured?: (depths: readonly Depth[]) => void;
  /** Milliseconds for which a measurement is used. @default 2_000 */
  fresh?: number;
  /** Milliseconds for a whole measurement; what has no answer by then is not known. @default 10_000 */
  limit?: number;
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number;
}

/** Measuring takes at most this part of the time: with thousands of queues it is done less often. */
const SHARE = 1 / 20;
const FRESH = 2_000;

/**
 * The depths of all functions. They are measured when somebody asks, and not more often than every few seconds however
 * many ask. While nobody asks, nothing is done.
 */
export class Depths {
  readonly #options: DepthsOptions;
  readonly #now: () => number;
  /** By the function's name, as they were measured last. */
  #known = new Map<string, Depth>();
  /** When all are to be measured again. */
  #until = 0;
  #all: Promise<void> | undefined;
  readonly #singles = new Map<string, Promise<Depth>>();

  constructor(options: DepthsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Of all functions. What the broker does not tell is undefined in each; it never rejects. */
  async all(): Promise<readonly Depth[]> {
    if (this.#now() >= this.#until) await (this.#all ??= this.#measureAll().finally(() => this.#all = undefined));
    return [...this.#known.values()];
  }

  /** The depth of one function; undefined if no function of that name has a queue. Asks only for that function. */
  async one(name: string): Promise<Depth | undefined> {
    const watched = this.#options.functions().find(({ definition }) => definition.name === name);
    if (!watched) return undefined;
    const known = this.#known.get(name);
    const isFresh = known !== undefined && this.#now() - known.at < (this.#options.fresh ?? FRESH);
    if (isFresh && known.queue === watched.definition.queue.name) return known;
    const measuring = this.#singles.get(name) ?? this.#measureOne(watched).finally(() => this.#singles.delete(name));
    this.#singles.set(name, measuring);
    return await measuring;
  }

  async #measureOne(watched: Watched): Promise<Depth> {
    const { depths: [depth] } = await this.#measure([watched]);
    this.#known.set(depth.function, depth);
    return depth;
  }

  async #measureAll(): Promise<void> {
    const { functions, gauge, onMeasured, fresh = FRESH } = this.#options;
    const watched = functions();
    const { depths, took } = await this.#measure(watched);
    gauge.keepOnly(new Set(watched.map(({ definition }) => definition.queue.name)));
    this.#known = new Map(depths.map((depth) => [depth.function, depth]));
    const now = this.#now();
    onMeasured?.(depths);
    this.#until = now + Math.max(fresh, took / SHARE);
  }

  /** What was measured, and the milliseconds that it took; a connection that is opened for it is no part of them. */
  async #measure(watched: readonly Watched[]): Promise<{ depths: Depth[]; took: number }> {
    const { gauge, lend, limit = 10_000, onFailure } = this.#options;
    if (watched.length === 0) return { depths: [], took: 0 };
    try {
      await using lent = await lend();
      const begun = this.#now();
      const depths = await gauge.measure(lent.client, watched, AbortSignal.timeout(limit));
      return { depths, took: this.#now() - begun };
    } catch (error) {
      onFailure?.(describeError(error));
      return { depths: watched.map((one) => unknownDepth(one, this.#now())), took: 0 };
    }
  }
}

/** What is known while there is no broker to ask. */
function unknownDepth({ definition: { name, queue }, running, heldBack }: Watched, at: number): Depth {
  const retrying = [...heldBack.values()].reduce((sum, count) => sum + count, 0);
  return { function: name, queue: queue.name, unacknowledged: running, retrying, at, source: "broker" };
}
