/** Where the messages of a function are. A number that the broker does not tell is undefined. */
export interface Depth {
  readonly function: string;
  readonly queue: string;
  /** Messages that wait in the queue, and in partitions where the function is ordered. */
  readonly ready?: number;
  /** Messages that are with a consumer. From the management API, or else those that the runners have. */
  readonly unacknowledged?: number;
  /**
   * Messages that wait for their next attempt, or for their delay. Functions with the same delay share a retry queue, so
   * this counts what the runners put there since they started.
   */
  readonly retrying?: number;
  /** Messages in the retry queues of the function's policy, those of other functions included. */
  readonly retryingAtMost?: number;
  readonly dead?: number;
  /**
   * Milliseconds since the oldest waiting message was published, 0 where none waits. From the management API where it tells; else estimated
   * from the messages that were received and from when the queue was last empty, and then rather too high than too low.
   */
  readonly oldest?: number;
  /** Consumers of the queue, on all runners. */
  readonly consumers?: number;
  /** When it was measured, milliseconds since 1970. */
  readonly at: number;
  /** Where the numbers come from. */
  readonly source: "broker" | "management";
}
