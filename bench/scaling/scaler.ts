/** What a ScaledObject and the autoscaler that it makes are set to. Seconds. */
export interface ScalerOptions {
  /** Messages, waiting and running, for each container. */
  readonly target: number;
  readonly min: number;
  readonly max: number;
  /** KEDA asks so often whether there is anything to do, while there is no container. @default 15 */
  readonly pollingInterval?: number;
  /** KEDA takes the last container away after so long without a message, if `min` is 0. @default 300 */
  readonly cooldown?: number;
  /** The autoscaler scales down to the most that it wanted in so long. @default 300 */
  readonly stabilization?: number;
}

/** The autoscaler looks so often. */
const SYNC = 15;
/** A deviation of this part from the target changes nothing. */
const TOLERANCE = 0.1;
/** At each look it adds this many, or doubles, whichever is more. */
const MOST_ADDED = 4;

/** How many containers are wanted. */
export interface Scaler {
  /**
   * @param second since the beginning; called for each one
   * @param work messages that wait or run
   * @param wanted how many were wanted until now
   */
  decide(second: number, work: number, wanted: number): number;
}

/** The same number at all times. */
export function fixed(count: number): Scaler {
  return { decide: () => count };
}

/**
 * KEDA and the autoscaler of Kubernetes, as their documentation describes them: KEDA alone between zero and one container,
 * the autoscaler between one and many. One metric of the kind AverageValue.
 */
export class KedaScaler implements Scaler {
  readonly #options: Required<ScalerOptions>;
  #lastActive = 0;
  /** What was wanted at the last looks. */
  #recommended: { readonly second: number; readonly count: number }[] = [];

  constructor(options: ScalerOptions) {
    this.#options = { pollingInterval: 15, cooldown: 300, stabilization: 300, ...options };
  }

  decide(second: number, work: number, wanted: number): number {
    const { min, pollingInterval, cooldown } = this.#options;
    if (work > 0) this.#lastActive = second;
    if (wanted === 0) return work > 0 && second % pollingInterval === 0 ? 1 : 0;
    if (min === 0 && second - this.#lastActive >= cooldown) {
      this.#recommended = [];
      return 0;
    }
    return second % SYNC === 0 ? this.#scale(second, work, wanted) : wanted;
  }

  #scale(second: number, work: number, wanted: number): number {
    const { target, min, max, stabilization } = this.#options;
    const ratio = work / (target * wanted);
    const needed = Math.abs(ratio - 1) <= TOLERANCE ? wanted : Math.ceil(work / target);
    const count = Math.min(max, Math.max(min, 1, needed));
    this.#recommended = [...this.#recommended.filter((one) => one.second > second - stabilization), { second, count }];
    if (count > wanted) return Math.min(count, Math.max(wanted * 2, wanted + MOST_ADDED));
    return Math.min(wanted, Math.max(...this.#recommended.map((one) => one.count)));
  }
}
