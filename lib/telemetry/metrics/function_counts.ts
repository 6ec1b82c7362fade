import { noOutcomes, type OutcomeCounts } from "../../invocation/outcome.ts";
import { METRICS } from "../names.ts";
import { BucketCounts } from "./bucket_counts.ts";

/** What happened to the messages of one function, or of all those for which there is no room. */
export class FunctionCounts {
  readonly outcomes: OutcomeCounts = noOutcomes();
  readonly duration = new BucketCounts(METRICS.duration.buckets);
  readonly wait = new BucketCounts(METRICS.wait.buckets);
  readonly restarts = { crashed: 0, timedOut: 0 };
  retries = 0;
  deadLetters = 0;
  returned = 0;
  coldStarts = 0;
  /** Milliseconds. */
  coldStartTime = 0;

  /** The value of `label`, which stands for the function. */
  constructor(readonly label: string) {}
}
