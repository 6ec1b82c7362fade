import type { FunctionState, FunctionView, Readiness } from "./runner_view.ts";

/** The input of the readiness check. */
export interface Condition {
  /** False while the runner starts or stops. */
  started: boolean;
  connections: readonly { name: string; ok: boolean; detail?: string }[];
  /** Declarations that the broker has not answered in time. */
  unanswered?: readonly { what: string; detail: string }[];
  functions: readonly FunctionView[];
  /** If true, a function that is broken or not loaded yet makes the runner not ready. */
  strict: boolean;
}

/** States in which a function takes messages, or soon will. */
const WORKING: readonly FunctionState[] = ["serving", "starting"];
/** States that an operator or a kill switch chose, so they do not make the runner not ready. */
const CHOSEN: readonly FunctionState[] = ["paused", "disabled"];

/**
 * Computes readiness, for `/readyz` and for the log. The runner is ready if it has started, both connections are
 * usable, and every function consumes its queue. With `strict`, all modules must be loaded as well, and a broken
 * function counts. A paused function never counts. Each function has its own check in any case.
 */
export function readinessOf({ started, connections, unanswered = [], functions, strict }: Condition): Readiness {
  const all: Readiness["checks"] = [
    { name: "runner", ok: started, detail: started ? undefined : "starting or stopping" },
    ...connections,
    // A function that cannot work without the declaration has its own failing check.
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

/** A detail about the function besides its name. Undefined if it is known to work. */
function detailOf(view: FunctionView): string | undefined {
  if (view.state !== "serving") return stateOf(view);
  if (view.error !== undefined) return `an older version serves: ${view.error}`;
  return view.loaded === false ? "its module is not loaded yet: the first message does it" : undefined;
}

/**
 * Why a function takes no messages in this runner, as in `function "pay" is paused: by hand`. Undefined if it takes
 * them.
 */
export function whyIdle(view: Pick<FunctionView, "name" | "state" | "error">): string | undefined {
  return WORKING.includes(view.state) ? undefined : `function "${view.name}" is ${stateOf(view)}`;
}

/** The state with its reason, as in `paused: by hand`. */
function stateOf({ state, error }: Pick<FunctionView, "state" | "error">): string {
  return error === undefined
    ? state
    : `${state}: ${error.startsWith(`${state} `) ? error.slice(state.length + 1) : error}`;
}

/** Why the runner is not ready, in one line. */
export function whyNotReady({ checks }: Readiness): string {
  return checks
    .filter(({ ok, required = true }) => !ok && required)
    .map(({ name, detail }) => `${name}${detail === undefined ? "" : ` (${detail})`}`)
    .join(", ");
}
