import type { FunctionDetail, FunctionState, FunctionView } from "../http/runner_view.ts";
import { deadLetterQueue, type FunctionDefinition } from "../invocation/definition/definition.ts";
import { nextRun } from "../invocation/definition/schedule.ts";
import { noOutcomes } from "../invocation/outcome.ts";
import type { Entry } from "./function_registry.ts";

/** A function as the API shows it. */
export function view(name: string, { loaded, served, error }: Entry): FunctionView {
  const counts = served?.counts ?? noOutcomes();
  const running = served?.running ?? 0;
  const definition = definitionOf({ loaded, served });
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
    ...(served?.duplicates === undefined ? {} : { duplicates: served.duplicates }),
  };
}

/** A function with its whole configuration. */
export function detailedView(name: string, entry: Entry, now: Date): Omit<FunctionDetail, "depth"> {
  const definition = definitionOf(entry);
  if (!definition) return view(name, entry);
  const { queue: { name: _, ...queueOptions }, schedule, enabled, body, validates, batch, rateLimit } = definition;
  const { killSwitch, output, onDead, dedupe, publish, permissions, strictEnv, idle, warm } = definition;
  return {
    ...view(name, entry),
    enabled,
    queueOptions,
    schedule: schedule && { ...schedule, next: nextRun(schedule, now)?.toISOString() },
    body,
    validates,
    input: entry.served?.inputSchema,
    batch,
    rateLimit,
    killSwitch,
    output,
    onDead,
    dedupe,
    publish,
    permissions,
    strictEnv,
    idle,
    warm,
  };
}

/** Of the version that serves, or else of the one that was read last. */
export function definitionOf({ loaded, served }: Pick<Entry, "loaded" | "served">): FunctionDefinition | undefined {
  return served?.definition ?? ("definition" in loaded ? loaded.definition : undefined);
}
