/** What a runner saw of a queue: messages that it received, and moments at which the queue was empty. */
interface Seen {
  /** When the newest message that came from the queue was published. Milliseconds since 1970, as all times here. */
  readonly newest: number | undefined;
  /** When the queue was last seen empty. */
  readonly empty: number | undefined;
}

/**
 * Estimates how old the oldest waiting message is, without taking it. A queue gives out its messages in the order in
 * which they came: what waits was published after the newest message that was received, and after the queue was last
 * seen empty. So the age is at most the time since the later of the two, which is close where messages are being
 * received. Messages that came back to the head of the queue may be older.
 *
 * @returns milliseconds; undefined where nothing is known
 */
export function oldestAge({ newest, empty }: Seen, now: number): number | undefined {
  if (newest === undefined && empty === undefined) return undefined;
  return Math.max(0, now - Math.max(newest ?? 0, empty ?? 0));
}
