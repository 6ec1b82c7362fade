import type { AnnouncedFunction, AnnouncedRunner, Fleet } from "../../invocation/insight/fleet.ts";

/** What runners have of one function's messages. */
export interface Holding {
  readonly running: number;
  /** When the newest message that was received was published. Milliseconds since 1970. */
  readonly newest: number | undefined;
  /** Messages in retry queues, by their delay in milliseconds. */
  readonly heldBack: ReadonlyMap<number, number>;
}

/** What the other runners have, as they announced it: a few seconds ago. */
export class OtherRunners {
  readonly #fleet: Pick<Fleet, "runners">;
  readonly #now: () => number;

  /** @param now milliseconds since 1970. @default Date.now */
  constructor(fleet: Pick<Fleet, "runners">, now: () => number = Date.now) {
    this.#fleet = fleet;
    this.#now = now;
  }

  /** What they have now, of the function with a name and a queue. Thousands are asked for, so runners are asked once. */
  look(): (name: string, queue: string) => Holding {
    const others = this.#fleet.runners().filter(({ self }) => !self);
    const live = others.filter(({ gone }) => !gone).flatMap(({ functions }) => functions);
    const byName = Map.groupBy(live, (one) => one.name);
    return (name, queue) => this.#holding(others, (byName.get(name) ?? []).filter((one) => one.queue === queue), queue);
  }

  #holding(others: readonly AnnouncedRunner[], announced: readonly AnnouncedFunction[], queue: string): Holding {
    const newest = announced.map((one) => one.newest ?? -Infinity);
    return {
      running: announced.reduce((sum, { running }) => sum + running, 0),
      newest: newest.some(Number.isFinite) ? Math.max(...newest) : undefined,
      heldBack: others.map((runner) => this.#heldBack(runner, queue)).reduce(added, new Map()),
    };
  }

  /** What a runner that is gone held back is still there, until it is due. */
  #heldBack({ gone, seenAt, heldBack = [] }: AnnouncedRunner, queue: string): Map<number, number> {
    const waiting = heldBack.filter((one) => one.queue === queue && (!gone || seenAt + one.delay > this.#now()));
    return new Map(waiting.map(({ delay, count }) => [delay, count]));
  }
}

export function together(one: Holding, other: Holding): Holding {
  const newest = [one.newest, other.newest].filter((time) => time !== undefined);
  return {
    running: one.running + other.running,
    newest: newest.length > 0 ? Math.max(...newest) : undefined,
    heldBack: added(one.heldBack, other.heldBack),
  };
}

function added(one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): Map<number, number> {
  const sum = new Map(one);
  for (const [delay, count] of other) sum.set(delay, (sum.get(delay) ?? 0) + count);
  return sum;
}
