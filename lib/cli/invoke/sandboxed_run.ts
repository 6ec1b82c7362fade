import { WarrenError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { DryRun, type DryRunReport } from "../../dry_run/dry_run.ts";
import type { DryMessage } from "../../dry_run/dry_message.ts";
import type { RunLogLine } from "../../invocation/insight/run.ts";
import type { LoadedFunction } from "../../loader/loader.ts";
import { openSandbox } from "../../serving/surroundings.ts";
import type { CommandContext } from "../command.ts";
import { withFunctions } from "../shared/read_functions.ts";
import { withSandboxes } from "../shared/sandboxes.ts";

/** A function that can be run. */
export type Found = Exclude<LoadedFunction, { error: string }>;

/**
 * Reads the functions folder, for one of the functions.
 *
 * @param name the function's name, or its path with slashes
 * @param use receives the function, and all files that the functions depend on. Afterwards it can no longer be started
 * @throws {WarrenError} `missing`, or `function` with what is wrong with it
 */
export async function withFunction<T>(
  context: CommandContext,
  name: string,
  use: (found: Found, files: string[]) => T | Promise<T>,
): Promise<T> {
  return await withFunctions(context, ({ functions, files }) => use(findFunction(functions, name), files));
}

function findFunction(functions: readonly LoadedFunction[], name: string): Found {
  const found = functions.find((loaded) => loaded.name === name || loaded.name === name.replaceAll("/", "."));
  if (!found) {
    const near = nearest(name, functions.map((loaded) => loaded.name));
    const known = functions.map((loaded) => loaded.name).slice(0, 20).join(", ") || "none";
    const advice = near ? `did you mean "${near}"?` : `there are: ${known}`;
    throw new WarrenError("missing", `there is no function "${name}"; ${advice}`);
  }
  if ("error" in found) throw new WarrenError("function", found.error);
  return found;
}

export interface SandboxedRunOptions {
  /** Ends the run. */
  signal: AbortSignal;
  /** Called with each line that is logged, as it comes. @default nothing */
  onLog?: (line: RunLogLine) => void;
  /** The socket of a PermissionBroker, which then decides about permissions. @default none */
  permissionBroker?: string;
}

/** Runs a function once in its sandbox, without a broker. A batch function receives a batch of one message. */
export async function runSandboxed(
  { log, options }: CommandContext,
  version: Pick<Found, "definition" | "sources" | "resolution">,
  message: DryMessage,
  { signal, onLog, permissionBroker }: SandboxedRunOptions,
): Promise<DryRunReport> {
  const { definition } = version;
  return await withSandboxes({ log }, async (surroundings) => {
    await using dry = new DryRun({
      definition,
      open: (log, once) => openSandbox(version, { ...surroundings, permissionBroker, once }, log),
      maxBody: options.maxBody,
      onLog,
    });
    const stop = () => void dry[Symbol.asyncDispose]();
    signal.addEventListener("abort", stop);
    try {
      return definition.batch ? (await dry.runBatch([message]))[0] : await dry.run(message);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  });
}
