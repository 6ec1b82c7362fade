import type { FunctionState, FunctionView } from "../http/runner_view.ts";
import { deadLetterQueue } from "../invocation/definition/definition.ts";
import { noOutcomes } from "../invocation/outcome.ts";
import type { Entry } from "./function_registry.ts";

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
    http: definition.http,
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
