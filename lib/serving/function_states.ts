/**
 * The states of a served function, and what moves it from one to another. This table is the only place that knows them:
 * nothing else asks in which state a function is before it does something.
 *
 * Each line reads: in this state, if that happens, the function goes to the first state and does the rest, in that order.
 * What has no line is ignored.
 */
const CONSUMES = {
  consuming: ["serving", "announce"],
  interrupted: ["unavailable"],
  loadFailed: ["broken", "forgetFailures", "stopConsuming", "tryLoading"],
  pause: ["paused", "forgetFailures", "stopConsuming"],
  trip: ["tripped", "stopConsuming"],
  moved: ["starting", "adopt", "consume"],
  drain: ["draining", "forgetFailures", "stopClock", "stopConsuming"],
} as const satisfies Moves;

const TABLE: Record<State, Moves> = {
  starting: {
    ...CONSUMES,
    start: ["starting", "startClock", "consume"],
    replaced: ["starting", "adopt"],
  },
  serving: {
    ...CONSUMES,
    replaced: ["serving", "adopt"],
  },
  unavailable: {
    ...CONSUMES,
    replaced: ["unavailable", "adopt"],
  },
  /** By operators, here or in all runners: it ends when no pause of theirs is left (pauses.ts). */
  paused: {
    pause: ["paused"],
    resume: ["starting", "consume"],
    replaced: ["paused", "adopt"],
    moved: ["paused", "adopt"],
    drain: ["draining", "stopClock"],
  },
  /** Tripped by the kill switch. The cool-down is running. A new version may fix the problem. */
  tripped: {
    probe: ["probing", "consumeOne"],
    pause: ["paused", "forgetFailures"],
    resume: ["starting", "forgetFailures", "consume"],
    replaced: ["starting", "adopt", "consume"],
    moved: ["starting", "adopt", "consume"],
    drain: ["draining", "forgetFailures", "stopClock"],
  },
  /** Tripped by the kill switch. One message decides. */
  probing: {
    recover: ["starting", "consume"],
    trip: ["tripped", "stopConsuming"],
    loadFailed: ["broken", "forgetFailures", "stopConsuming", "tryLoading"],
    pause: ["paused", "forgetFailures", "stopConsuming"],
    resume: ["starting", "forgetFailures", "consume"],
    replaced: ["starting", "adopt", "consume"],
    moved: ["starting", "adopt", "consume"],
    drain: ["draining", "forgetFailures", "stopClock", "stopConsuming"],
  },
  /** The module does not load. */
  broken: {
    loadFailed: ["broken"],
    loads: ["starting", "consume"],
    pause: ["paused", "stopTrying"],
    replaced: ["starting", "stopTrying", "adopt", "consume"],
    moved: ["starting", "stopTrying", "adopt", "consume"],
    drain: ["draining", "stopTrying", "stopClock"],
  },
  /** Final state. */
  draining: {},
};

/** The public names of the states: what the kill switch does appears as a pause. */
const SHOWN: Record<State, ServedState> = {
  starting: "starting",
  serving: "serving",
  unavailable: "unavailable",
  paused: "paused",
  tripped: "paused",
  probing: "paused",
  broken: "broken",
  draining: "draining",
};

export type State = ServedState | "tripped" | "probing";

/** A state as the API shows it. */
export type ServedState = "starting" | "serving" | "unavailable" | "broken" | "paused" | "draining";

export type Event =
  | "start"
  /** The consumer gets messages. */
  | "consuming"
  /** The consumer gets none, and tries again. */
  | "interrupted"
  /** The module of the newest version does not load. */
  | "loadFailed"
  /** The module loads now. */
  | "loads"
  /** An operator pauses it, or it is paused already and the reason changes; the last such pause is over. */
  | "pause"
  | "resume"
  /** Events of the kill switch: too many invocations failed, one is tried, and it completed. */
  | "trip"
  | "probe"
  | "recover"
  /** There is a new version, which consumes in the same way or in another. */
  | "replaced"
  | "moved"
  | "drain";

export type Action =
  /** Logs that it serves. */
  | "announce"
  /** Consumes its queue; or one message at a time. */
  | "consume"
  | "consumeOne"
  /** Stops the consumer, and returns messages that have not begun. */
  | "stopConsuming"
  | "startClock"
  | "stopClock"
  /** Resets the kill switch. */
  | "forgetFailures"
  /** Tries to load the module, with growing pauses. */
  | "tryLoading"
  | "stopTrying"
  /** Replaces the old version by the new one. */
  | "adopt";

type Move = readonly [to: State, ...actions: Action[]];
type Moves = Partial<Record<Event, Move>>;

/** The current state of a function. */
export class FunctionStates {
  readonly #act: (action: Action) => void;
  #state: State = "starting";
  #detail: string | undefined;

  constructor(act: (action: Action) => void) {
    this.#act = act;
  }

  get shown(): ServedState {
    return SHOWN[this.#state];
  }

  /** Why it does not serve. */
  get detail(): string | undefined {
    return this.#detail;
  }

  /**
   * Something happened. False where that means nothing in the present state.
   *
   * @param detail why, for those who look at the new state; where the state stays, its old detail does by default
   */
  happen(event: Event, detail?: string): boolean {
    const move = TABLE[this.#state][event];
    if (!move) return false;
    const [to, ...actions] = move;
    if (to !== this.#state || detail !== undefined) this.#detail = detail;
    this.#state = to;
    for (const action of actions) this.#act(action);
    return true;
  }
}
