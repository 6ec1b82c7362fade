import type { Logger } from "../../base/log.ts";
import { type Resolution, resolutionFlags } from "../../invocation/definition/resolution.ts";
import type { GraphOptions, ModuleGraph } from "../graph.ts";
import { refuseUncached } from "../remote.ts";
import type { ImportRules } from "./project_reader.ts";

/** How imports are resolved, for all functions of a folder. */
export interface SettledImports {
  /** Undefined if there are no rules. */
  readonly resolution: Resolution | undefined;
  /** The settings that affect how imports are resolved. */
  readonly key: string;
  /** The text of the lock file. */
  readonly lock: string;
}

/** Missing entries of lock files that this process has logged. */
const warned = new Set<string>();

/**
 * Adds an error to each graph that cannot be loaded as the function's process would load it, and logs what is missing in
 * the project's lock file.
 */
export async function settleImports(
  rules: ImportRules | undefined,
  graphs: ReadonlyMap<string, ModuleGraph>,
  options: GraphOptions,
): Promise<SettledImports> {
  if (!rules) {
    await refuseUncached(graphs, options);
    return { resolution: undefined, key: "", lock: "" };
  }
  const { resolution, lock = "", unlocked } = await rules.settle();
  warn(unlocked, options.log);
  await refuseUncached(graphs, { ...options, flags: resolutionFlags(resolution) }, unlocked);
  return { resolution, key: rules.key, lock };
}

function warn(unlocked: readonly string[], log: Logger | undefined): void {
  const missing = unlocked.join(", ");
  if (missing === "" || warned.has(missing)) return;
  warned.add(missing);
  log?.warn(`deno.lock does not have ${missing}; to add it: deno task cache`);
}
