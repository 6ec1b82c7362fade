import type { Scaler } from "./scaler.ts";
import type { Traffic } from "./traffic.ts";

export interface ContainerOptions {
  /** Messages at once in a container. */
  readonly concurrency: number;
  /** Seconds that a handler takes. */
  readonly handling: number;
  /** Seconds from when a container is wanted until it consumes. */
  readonly starting: number;
}

/** What a day was like. Ages are seconds from when a message came until its handler began. */
export interface DayResult {
  readonly messages: number;
  /** Messages that were left at the end. */
  readonly left: number;
  readonly mostContainers: number;
  readonly mostWaiting: number;
  readonly medianAge: number;
  /** 99 of 100 messages waited no longer. */
  readonly age99: number;
  readonly oldest: number;
  readonly containerHours: number;
}

/** Messages that came in the same second. */
interface Arrived {
  readonly second: number;
  count: number;
}

/**
 * Replays a day second by second in virtual time: messages come, containers that have started handle them in their order,
 * and the scaler says how many containers there should be.
 */
export function simulate(
  traffic: Traffic,
  scaler: Scaler,
  { concurrency, handling, starting }: ContainerOptions,
  initial = 1,
): DayResult {
  const queue = new Queue();
  /** When each container began, or begins, to consume; the oldest first. */
  const containers: number[] = Array.from({ length: initial }, () => 0);
  let running = 0;
  let [mostContainers, containerSeconds] = [0, 0];
  for (const [second, count] of traffic.entries()) {
    queue.add(second, count);
    const wanted = scaler.decide(second, queue.waiting + running, containers.length);
    while (containers.length < wanted) containers.push(second + starting);
    // The newest go first, as they do where they are not ready yet.
    containers.length = Math.min(containers.length, wanted);
    const consuming = containers.filter((since) => since <= second).length;
    const handled = queue.take(second, consuming * concurrency / handling);
    running = Math.min(consuming * concurrency, handled * handling);
    mostContainers = Math.max(mostContainers, containers.length);
    containerSeconds += containers.length;
  }
  return {
    messages: traffic.reduce((sum, count) => sum + count, 0),
    left: queue.waiting,
    mostContainers,
    mostWaiting: queue.mostWaiting,
    medianAge: queue.ageOf(0.5),
    age99: queue.ageOf(0.99),
    oldest: queue.ageOf(1),
    containerHours: containerSeconds / 3600,
  };
}

/** What waits, and how long those waited that were taken. */
class Queue {
  waiting = 0;
  mostWaiting = 0;
  readonly #arrived: Arrived[] = [];
  #first = 0;
  /** How many were taken at each age. */
  readonly #ages: number[] = [];
  /** A part of a message that may be taken. */
  #rest = 0;

  add(second: number, count: number): void {
    if (count === 0) return;
    this.#arrived.push({ second, count });
    this.waiting += count;
  }

  /** Takes up to so many, the oldest first. Gives how many it took. */
  take(second: number, most: number): number {
    const allowed = most + this.#rest;
    let room = Math.min(Math.floor(allowed), this.waiting);
    const taken = room;
    this.#rest = this.waiting > taken ? allowed - Math.floor(allowed) : 0;
    this.waiting -= taken;
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
    while (room > 0) {
      const oldest = this.#arrived[this.#first];
      const count = Math.min(room, oldest.count);
      const age = second - oldest.second;
      this.#ages[age] = (this.#ages[age] ?? 0) + count;
      oldest.count -= count;
      room -= count;
      if (oldest.count === 0) this.#first++;
    }
    return taken;
  }

  /** The age that this part of those that were taken did not exceed. */
  ageOf(part: number): number {
    const total = this.#ages.reduce((sum, count) => sum + count, 0);
    let seen = 0;
    for (const [age, count = 0] of this.#ages.entries()) {
      seen += count;
      if (seen >= total * part) return age;
    }
    return 0;
  }
}
