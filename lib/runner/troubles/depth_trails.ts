import type { Depth } from "../../invocation/insight/depth.ts";
import type { DepthSample } from "./snapshot.ts";

export interface DepthTrailsOptions {
  /** Milliseconds between two samples. @default 30_000 */
  spacing?: number;
  /** Milliseconds that a sample is kept. @default an hour */
  keep?: number;
}

/** The depths of each function in the last hour, as far as somebody looked. A function that is not measured leaves none. */
export class DepthTrails {
  readonly #spacing: number;
  readonly #keep: number;
  #trails = new Map<string, readonly DepthSample[]>();

  constructor({ spacing = 30_000, keep = 3_600_000 }: DepthTrailsOptions = {}) {
    this.#spacing = spacing;
    this.#keep = keep;
  }

  /** Takes the depths of all functions, after they were measured. */
  take(depths: readonly Depth[]): void {
    this.#trails = new Map(depths.map((depth) => [depth.function, this.#grown(depth)]));
  }

  /** By function, oldest first. */
  get all(): ReadonlyMap<string, readonly DepthSample[]> {
    return this.#trails;
  }

  #grown({ function: name, at, dead, oldest }: Depth): readonly DepthSample[] {
    const trail = this.#trails.get(name) ?? [];
    const last = trail.at(-1);
    if (last && at - last.at < this.#spacing) return trail;
    return [...trail.filter((sample) => sample.at > at - this.#keep), { at, dead, oldest }];
  }
}
