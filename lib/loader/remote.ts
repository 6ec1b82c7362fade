import { describeError } from "../base/errors.ts";
import { flagsOf, type GraphOptions, type ModuleGraph } from "./graph.ts";
import { displayPath } from "./place.ts";

/** Milliseconds for the packages of all functions. */
const TIMEOUT = 120_000;

/** Packages that this process has fetched already. */
const fetched = new Set<string>();

/**
 * Fetches packages that functions import into Deno's cache. A function's process never downloads, so a module with a
 * missing package does not load.
 */
export async function fetchRemote(
  graphs: ReadonlyMap<string, ModuleGraph>,
  options: GraphOptions,
): Promise<void> {
  const { signal, log } = options;
  const wanting = [...graphs].filter(([, { remote }]) => remote.some((specifier) => !fetched.has(specifier)));
  if (wanting.length === 0) return;
  const problem = await cacheRemote(wanting.map(([file]) => file), options);
  if (problem === undefined) {
    for (const [, { remote }] of wanting) remote.forEach((specifier) => fetched.add(specifier));
  } else if (!signal?.aborted) {
    // Each function whose packages are there anyway loads; the others say what they miss.
    log?.warn(`packages could not be fetched: ${problem}`);
  }
}

/** Brings what these modules import into Deno's cache; gives why that cannot be done, in one line. */
export async function cacheRemote(files: readonly string[], options: GraphOptions): Promise<string | undefined> {
  const { signal } = options;
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["cache", "--quiet", ...flagsOf(options), ...files],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).output();
    return success ? undefined : whyNot(new TextDecoder().decode(stderr));
  } catch (error) {
    return describeError(error);
  }
}

/** Packages that this process has found in the cache. */
const cached = new Set<string>();
/** How many functions are checked individually at the same time. */
const SIDE_BY_SIDE = 4;

/**
 * Adds an error to each graph that imports something that is not in Deno's cache: a function's process may not
 * download, so the module would not load. Runs none of the functions.
 *
 * @param unlocked what is missing in the project's lock file. If there is any, every function is checked
 */
export async function refuseUncached(
  graphs: ReadonlyMap<string, ModuleGraph>,
  options: GraphOptions,
  unlocked: readonly string[] = [],
): Promise<void> {
  const unknown = [...graphs].filter(([, { remote, errors }]) =>
    errors.length === 0 && (unlocked.length > 0 || remote.some((specifier) => !cached.has(specifier)))
  );
  const look = async (some: typeof unknown): Promise<string | undefined> => {
    const why = await whyUncached(some.map(([file]) => file), options, unlocked);
    if (why === undefined) { for (const [, { remote }] of some) remote.forEach((specifier) => cached.add(specifier)); }
    return why;
  };
  // If nothing is missing, one check of all functions is enough.
  if (unknown.length === 0 || await look(unknown) === undefined) return;
  const one = async () => {
    for (let next = unknown.shift(); next; next = unknown.shift()) {
      const why = await look([next]);
      if (why !== undefined) next[1].errors.push(`${displayPath(next[0])}: ${why}`);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
}

/** Why these modules cannot be loaded from the cache. Undefined if they can, or if Deno did not answer. */
async function whyUncached(
  files: string[],
  options: GraphOptions,
  unlocked: readonly string[],
): Promise<string | undefined> {
  const { signal, log } = options;
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      // Reads all imports as a function's process would, and runs none of them.
      args: [
        "test",
        "--no-run",
        "--no-check",
        "--quiet",
        "--cached-only",
        ...flagsOf(options),
        ...files,
      ],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).output();
    const said = success ? "" : whyNot(new TextDecoder().decode(stderr));
    if (said.startsWith("The lockfile is out of date")) {
      return `deno.lock does not have ${unlocked.join(", ")}, and nothing may be added to it here: ` +
        "add it with `deno task cache`, and deploy deno.lock with the functions";
    }
    if (success || !said.includes("--cached-only")) return undefined;
    const what = said.replace(/,? ?--cached-only is specified/, "");
    return `what it imports is not in Deno's cache: ${what}; fetch it with --download, or with "deno cache"`;
  } catch (error) {
    if (!signal?.aborted) log?.warn(`could not check whether imports are in Deno's cache: ${describeError(error)}`);
    return undefined;
  }
}

/** Deno's error output in one line, without its stack. */
function whyNot(stderr: string): string {
  const [said] = stderr.replace(/^error: /, "").split(/\n\s*Stack backtrace:/);
  return said.trim().replace(/\s*\n\s*/g, " ").slice(0, 1_000);
}
