import { sleep, TIMERS, type Timers } from "../base/time/timers.ts";
import type { Fleet } from "../invocation/insight/fleet.ts";
import type { LiveEvent, LiveFilter } from "../invocation/insight/operator_view.ts";
import { Hub } from "./hub.ts";

export interface FleetFollowOptions {
  fleet: Fleet;
  /** What happens in this runner. */
  hub: Hub;
  /** Milliseconds between two questions to the other runners. @default 1_000 */
  interval?: number;
  /** @default TIMERS */
  timers?: Timers;
}

const QUESTION = "live";
/** Followers in other runners for whom this one keeps events, and how many it keeps for each. */
const MAX_ASKERS = 50;
const MAX_EVENTS = 1_000;
/** Milliseconds after which a follower that does not ask any more is forgotten. */
const FORGET_AFTER = 10_000;

interface LiveAsk extends LiveFilter {
  /** Unique for each follower. */
  readonly asker: string;
}

/** What is kept for a follower until it asks again. */
interface Asker {
  readonly events: LiveEvent[];
  readonly end: AbortController;
  cancelForget(): void;
}

/**
 * Follows what happens in all runners: in this one as it happens, in the others by asking them every second. A runner keeps
 * events for others only as long as somebody asks.
 */
export class FleetFollow {
  readonly #options: FleetFollowOptions;
  readonly #timers: Timers;
  readonly #own = new Set<string>();
  readonly #askers = new Map<string, Asker>();

  /** From here on, this runner answers the others. */
  constructor(options: FleetFollowOptions) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
    options.fleet.answer(QUESTION, (payload) => this.#answer(payload as LiveAsk));
  }

  /**
   * What happens from the call on, until the signal aborts.
   *
   * @throws {TooSlow} from the iteration, if too many events wait
   */
  follow(filter: LiveFilter, signal: AbortSignal): AsyncIterable<LiveEvent> {
    const merged = new Hub();
    const events = merged.follow({}, signal);
    void this.#pumpOwn(filter, merged, signal);
    void this.#pumpOthers(filter, merged, signal);
    return events;
  }

  async #pumpOwn(filter: LiveFilter, merged: Hub, signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.hub.follow(filter, signal)) merged.publish(event);
  }

  /** A question that fails is asked again: the connection may be down. */
  async #pumpOthers(filter: LiveFilter, merged: Hub, signal: AbortSignal): Promise<void> {
    const { fleet, interval = 1_000 } = this.#options;
    const asker = crypto.randomUUID();
    this.#own.add(asker);
    while (!signal.aborted && merged.size > 0) {
      const asked = fleet.ask<LiveEvent[]>(QUESTION, { asker, ...filter }, { signal });
      const { answers } = await asked.catch(() => ({ answers: [] }));
      for (const { value } of answers) for (const event of value) merged.publish(event);
      await sleep(this.#timers, interval, signal);
    }
    this.#own.delete(asker);
  }

  /** What happened since that follower asked last. Its own runner tells it at once, and not here. */
  #answer({ asker, ...filter }: LiveAsk): LiveEvent[] {
    if (this.#own.has(asker)) return [];
    const known = this.#askers.get(asker) ?? this.#admit(asker, filter);
    if (!known) return [];
    known.cancelForget();
    known.cancelForget = this.#timers.after(FORGET_AFTER, () => this.#forget(asker));
    return known.events.splice(0);
  }

  #admit(asker: string, filter: LiveFilter): Asker | undefined {
    if (this.#askers.size >= MAX_ASKERS) return undefined;
    const admitted: Asker = { events: [], end: new AbortController(), cancelForget: () => {} };
    this.#askers.set(asker, admitted);
    void this.#keepFor(admitted, filter);
    return admitted;
  }

  /** The newest of too many. */
  async #keepFor({ events, end }: Asker, filter: LiveFilter): Promise<void> {
    for await (const event of this.#options.hub.follow(filter, end.signal)) {
      if (events.push(event) > MAX_EVENTS) events.shift();
    }
  }

  #forget(asker: string): void {
    this.#askers.get(asker)?.end.abort();
    this.#askers.delete(asker);
  }
}
