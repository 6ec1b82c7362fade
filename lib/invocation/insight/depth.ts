/** Where the messages of a function are. A number that the broker does not tell is undefined. */
export interface Depth {
  readonly function: string;
  readonly queue: string;
  /** Messages that wait in the queue, and in partitions where the function is ordered. */
  readonly ready?: number;
  /** Messages that are with a consumer. */
  readonly unacknowledged?: number;
  /** Messages that wait for their next attempt, or for their delay. */
  readonly retrying?: number;
  readonly dead?: number;
  /** Milliseconds since the oldest waiting message was published, if it says so. */
  readonly oldest?: number;
  /** Consumers of the queue, on all runners. */
  readonly consumers?: number;
  /** When it was measured, milliseconds since 1970. */
  readonly at: number;
  /** Where the numbers come from. */
  readonly source: "broker" | "management";
}
