import type { FunctionState, FunctionView, Readiness } from "./runner_view.ts";

/** What readiness depends on. */
export interface Condition {
  /** False while the runner starts or stops. */
  started: boolean;
  connections: readonly { name: string; ok: boolean; detail?: string }[];
  /** What the broker was asked to declare, and has not answered in time. */
  unanswered?: readonly { what: string; detail: string }[];
  functions: readonly FunctionView[];
  /** Whether a function that is broken, or whose module is not loaded yet, makes the runner not ready. */
  strict: boolean;
}

/** States in which a function takes messages, or will in a moment. */
const WORKING: readonly FunctionState[] = ["serving", "starting"];
/** States that are not a fault of the runner: an operator or a kill switch chose them. */
const CHOSEN: readonly FunctionState[] = ["paused", "disabled"];

/**
 * Says what "ready" means, for `/readyz` and for the log: the runner has started, both connections can be used, and every
 * function consumes its queue. With `strict` every module has to be loaded, too, and a broken function counts. A paused
 * function never counts. Each function has a check of its own in any case.
 */
export function readinessOf({ started, connections, unanswered = [], functions, strict }: Condition): Readiness {
  const all: Readiness["checks"] = [
    { name: "runner", ok: started, detail: started ? undefined : "starting or stopping" },
    ...connections,
    // A function that cannot work without it has a check of its own that says so.
    ...unanswered.map(({ what, detail }) => ({ name: `declaring ${what}`, ok: false, required: false, detail })),
    ...functions.map((view) => ({
      name: `function ${view.name}`,
      ok: (view.state === "serving" && !(strict && view.loaded === false)) || view.state === "disabled",
      required: view.state === "broken" ? strict : !CHOSEN.includes(view.state),
      detail: detailOf(view),
    })),
  ];
  const checks: Readiness["checks"] = all.map(({ required, ...check }) =>
    required === false ? { ...check, required } : check
  );
  return { ready: checks.every(({ ok, required = true }) => ok || !required), checks };
}

/** What is to be said about a function besides its name; undefined where it has proved that it works. */
function detailOf(view: FunctionView): string | undefined {
  if (view.state !== "serving") return stateOf(view);
  if (view.error !== undefined) return `an older version serves: ${view.error}`;
  return view.loaded === false ? "its module is not loaded yet: the first message does it" : undefined;
}

/** As in `function "pay" is paused: by hand`: why a function takes no messages here; undefined where it takes them. */
export function whyIdle(view: Pick<FunctionView, "name" | "state" | "error">): string | undefined {
  return WORKING.includes(view.state) ? undefined : `function "${view.name}" is ${stateOf(view)}`;
}

/** The state with its reason, as in `paused: by hand`. */
function stateOf({ state, error }: Pick<FunctionView, "state" | "error">): string {
  return error === undefined
    ? state
    : `${state}: ${error.startsWith(`${state} `) ? error.slice(state.length + 1) : error}`;
}

/** What makes the runner not ready, in one line. */
export function whyNotReady({ checks }: Readiness): string {
  return checks
    .filter(({ ok, required = true }) => !ok && required)
    .map(({ name, detail }) => `${name}${detail === undefined ? "" : ` (${detail})`}`)
    .join(", ");
}
