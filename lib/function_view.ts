import type { FunctionState, FunctionView } from "./http/runner_view.ts";
import { deadLetterQueue } from "./invocation/definition.ts";
import { noOutcomes } from "./invocation/outcome.ts";
import type { LoadedFunction } from "./loader/loader.ts";
import type { ServedFunction } from "./serving/served_function.ts";

/** What the runner knows of one file in the functions folder. */
export interface Entry {
  loaded: LoadedFunction;
  /** Absent while it cannot be served: disabled, or broken since it first appeared. */
  served: ServedFunction | undefined;
  /** Why its newest version is not the one that serves. */
  error: string | undefined;
}

/** What a function does while its newest version is refused, for the log. */
export function standing({ served }: Pick<Entry, "served">): string {
  switch (served?.state) {
    case undefined:
      return "it is not bound to a queue";
    case "broken":
      return "the version before it is broken too, so that nothing serves";
    case "paused":
      return "the version before it stays paused";
    default:
      return "the version before it keeps serving";
  }
}

/** A function as the API shows it. */
export function view(name: string, { loaded, served, error }: Entry): FunctionView {
  const counts = served?.counts ?? noOutcomes();
  const running = served?.running ?? 0;
  const definition = served?.definition ?? ("definition" in loaded ? loaded.definition : undefined);
  const state: FunctionState = served?.state ?? (error === undefined ? "disabled" : "broken");
  const base = { name, file: loaded.file, state, error: error ?? served?.detail, running, counts };
  if (!definition) return base;
  const { version, queue, bindings, concurrency, prefetch, timeout, retry, isolation, memory, instances } = definition;
  return {
    ...base,
    version,
    loaded: served?.loaded ?? false,
    queue: queue.name,
    deadLetterQueue: deadLetterQueue(queue.name),
    bindings,
    envelope: definition.envelope,
    order: definition.order,
    concurrency,
    prefetch,
    timeout,
    retry,
    isolation,
    memory,
    instances,
    processes: served?.processes ?? 0,
  };
}
