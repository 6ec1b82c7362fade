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
  /** By hand: only a hand ends it. */
  paused: {
    pause: ["paused"],
    resume: ["starting", "consume"],
    replaced: ["paused", "adopt"],
    moved: ["paused", "adopt"],
    drain: ["draining", "stopClock"],
  },
  /** By the kill switch: its cool-down runs. A new version may be the remedy. */
  tripped: {
    probe: ["probing", "consumeOne"],
    pause: ["paused", "forgetFailures"],
    resume: ["starting", "forgetFailures", "consume"],
    replaced: ["starting", "adopt", "consume"],
    moved: ["starting", "adopt", "consume"],
    drain: ["draining", "forgetFailures", "stopClock"],
  },
  /** By the kill switch: one message decides. */
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
  /** Its module does not load. */
  broken: {
    loadFailed: ["broken"],
    loads: ["starting", "consume"],
    pause: ["paused", "stopTrying"],
    replaced: ["starting", "stopTrying", "adopt", "consume"],
    moved: ["starting", "stopTrying", "adopt", "consume"],
    drain: ["draining", "stopTrying", "stopClock"],
  },
  /** For good. */
  draining: {},
};

/** How the states are shown: what the kill switch does is a pause. */
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

/** A state as others see it. */
export type ServedState = "starting" | "serving" | "unavailable" | "broken" | "paused" | "draining";

export type Event =
  | "start"
  /** The consumer gets messages. */
  | "consuming"
  /** The consumer gets none, and tries again. */
  | "interrupted"
  /** The module of the newest version does not load. */
  | "loadFailed"
  /** It loads after all. */
  | "loads"
  | "pause"
  | "resume"
  /** The kill switch: too many invocations failed, one is to be tried, and that one went through. */
  | "trip"
  | "probe"
  | "recover"
  /** There is a new version, which consumes in the same way, or in another. */
  | "replaced"
  | "moved"
  | "drain";

export type Action =
  /** Logs that it serves. */
  | "announce"
  /** Consumes its queue; or one message at a time. */
  | "consume"
  | "consumeOne"
  /** Stops the consumer, and gives back what has not begun. */
  | "stopConsuming"
  | "startClock"
  | "stopClock"
  /** Resets the kill switch. */
  | "forgetFailures"
  /** Tries from time to time whether the module loads. */
  | "tryLoading"
  | "stopTrying"
  /** Puts the new version in place of the old one. */
  | "adopt";

type Move = readonly [to: State, ...actions: Action[]];
type Moves = Partial<Record<Event, Move>>;

/** In which state a function is. */
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
