import type { FunctionState, FunctionView, Readiness } from "./runner_view.ts";

/** What readiness depends on. */
export interface Condition {
  /** False while the runner starts or stops. */
  started: boolean;
  connections: readonly { name: string; ok: boolean; detail?: string }[];
  functions: readonly FunctionView[];
  /** Whether a broken function makes the runner not ready. */
  strict: boolean;
}

/** States in which a function takes messages, or will in a moment. */
const WORKING: readonly FunctionState[] = ["serving", "starting"];
/** States that are not a fault of the runner: an operator or a kill switch chose them. */
const CHOSEN: readonly FunctionState[] = ["paused", "disabled"];

/**
 * Says what "ready" means, for `/readyz` and for the log: the runner has started, both connections can be used, and every
 * function consumes its queue. A broken function counts only with `strict`. A paused function never counts. Both have a
 * check of their own in any case.
 */
export function readinessOf({ started, connections, functions, strict }: Condition): Readiness {
  const all: Readiness["checks"] = [
    { name: "runner", ok: started, detail: started ? undefined : "starting or stopping" },
    ...connections,
    ...functions.map((view) => ({
      name: `function ${view.name}`,
      ok: view.state === "serving" || view.state === "disabled",
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
  const { state, error, processes, isolation, running, counts } = view;
  if (state !== "serving") return stateOf(view);
  if (error !== undefined) return `an older version serves: ${error}`;
  const untried = isolation !== "inline" && !processes && running === 0 &&
    Object.values(counts).every((count) => count === 0);
  return untried ? "not loaded yet: its first message loads the module" : undefined;
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
