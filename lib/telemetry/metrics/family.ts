import type { Label, MetricSpec } from "../names.ts";
import type { BucketCounts } from "./bucket_counts.ts";

export type Labels = Partial<Record<Label, string>>;

/** A value, or the counts of a histogram, with its labels. */
export interface Sample<T> {
  readonly labels: Labels;
  readonly value: T;
}

/** A metric with its values. */
export type Family =
  | { readonly spec: MetricSpec & { readonly type: "counter" | "gauge" }; readonly samples: readonly Sample<number>[] }
  | { readonly spec: MetricSpec & { readonly type: "histogram" }; readonly samples: readonly Sample<BucketCounts>[] };
