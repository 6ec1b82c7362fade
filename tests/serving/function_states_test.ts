import { assertEquals } from "@std/assert";
import { type Event, FunctionStates } from "../../lib/serving/function_states.ts";

/** How each state is reached. */
const REACHED: Record<string, Event[]> = {
  starting: [],
  serving: ["consuming"],
  unavailable: ["interrupted"],
  paused: ["pause"],
  tripped: ["trip"],
  probing: ["trip", "probe"],
  broken: ["loadFailed"],
  draining: ["drain"],
};

/** Of each state: what each event leads to, and does. Events that are not named do nothing. */
const EXPECTED: Record<string, Partial<Record<Event, string>>> = {
  starting: {
    start: "starting: startClock consume",
    consuming: "serving: announce",
    interrupted: "unavailable",
    loadFailed: "broken: forgetFailures stopConsuming tryLoading",
    pause: "paused: forgetFailures stopConsuming",
    trip: "paused: stopConsuming",
    replaced: "starting: adopt",
    moved: "starting: adopt consume",
    drain: "draining: forgetFailures stopClock stopConsuming",
  },
  serving: {
    consuming: "serving: announce",
    interrupted: "unavailable",
    loadFailed: "broken: forgetFailures stopConsuming tryLoading",
    pause: "paused: forgetFailures stopConsuming",
    trip: "paused: stopConsuming",
    replaced: "serving: adopt",
    moved: "starting: adopt consume",
    drain: "draining: forgetFailures stopClock stopConsuming",
  },
  unavailable: {
    consuming: "serving: announce",
    interrupted: "unavailable",
    loadFailed: "broken: forgetFailures stopConsuming tryLoading",
    pause: "paused: forgetFailures stopConsuming",
    trip: "paused: stopConsuming",
    replaced: "unavailable: adopt",
    moved: "starting: adopt consume",
    drain: "draining: forgetFailures stopClock stopConsuming",
  },
  paused: {
    pause: "paused",
    resume: "starting: consume",
    replaced: "paused: adopt",
    moved: "paused: adopt",
    drain: "draining: stopClock",
  },
  tripped: {
    probe: "paused: consumeOne",
    pause: "paused: forgetFailures",
    resume: "starting: forgetFailures consume",
    replaced: "starting: adopt consume",
    moved: "starting: adopt consume",
    drain: "draining: forgetFailures stopClock",
  },
  probing: {
    recover: "starting: consume",
    trip: "paused: stopConsuming",
    loadFailed: "broken: forgetFailures stopConsuming tryLoading",
    pause: "paused: forgetFailures stopConsuming",
    resume: "starting: forgetFailures consume",
    replaced: "starting: adopt consume",
    moved: "starting: adopt consume",
    drain: "draining: forgetFailures stopClock stopConsuming",
  },
  broken: {
    loadFailed: "broken",
    loads: "starting: consume",
    pause: "paused: stopTrying",
    replaced: "starting: stopTrying adopt consume",
    moved: "starting: stopTrying adopt consume",
    drain: "draining: stopTrying stopClock",
  },
  draining: {},
};

const EVENTS: Event[] = [
  "start",
  "consuming",
  "interrupted",
  "loadFailed",
  "loads",
  "pause",
  "resume",
  "trip",
  "probe",
  "recover",
  "replaced",
  "moved",
  "drain",
];

for (const [state, reached] of Object.entries(REACHED)) {
  Deno.test(`in "${state}" each event leads where it should, and does what it should`, () => {
    for (const event of EVENTS) {
      let did: string[] = [];
      const states = new FunctionStates((action) => void did.push(action));
      for (const each of reached) states.happen(each);
      const before = states.shown;
      did = [];
      const meant = states.happen(event, "why");
      const came = did.length > 0 ? `${states.shown}: ${did.join(" ")}` : states.shown;
      const expected = EXPECTED[state][event];
      assertEquals([meant, came], [expected !== undefined, expected ?? before], `${state}, ${event}`);
    }
  });
}

Deno.test("the detail says why, goes with its state, and stays where nothing new is known", () => {
  const states = new FunctionStates(() => {});
  states.happen("interrupted", "no queue");
  states.happen("replaced");
  assertEquals(states.detail, "no queue");
  states.happen("interrupted", "no connection");
  assertEquals(states.detail, "no connection");
  states.happen("consuming");
  assertEquals(states.detail, undefined);
  states.happen("trip", "too many failed");
  states.happen("probe", "one is tried");
  assertEquals([states.shown, states.detail], ["paused", "one is tried"]);
});
