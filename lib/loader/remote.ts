import { describeError } from "../base/errors.ts";
import type { GraphOptions, ModuleGraph } from "./graph.ts";
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
  { config, signal, log }: GraphOptions,
): Promise<void> {
  const wanting = [...graphs].filter(([, { remote }]) => remote.some((specifier) => !fetched.has(specifier)));
  if (wanting.length === 0) return;
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "cache",
        "--no-lock",
        "--quiet",
        config ? `--config=${config}` : "--no-config",
        ...wanting.map(([file]) => file),
      ],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).output();
    if (!success) throw new Error(whyNot(new TextDecoder().decode(stderr)));
    for (const [, { remote }] of wanting) remote.forEach((specifier) => fetched.add(specifier));
  } catch (error) {
    // Functions whose packages are in the cache still load. The others report what is missing.
    if (!signal?.aborted) log?.warn(`packages could not be fetched: ${describeError(error)}`);
  }
}

/** Packages that this process has found in the cache. */
const cached = new Set<string>();
/** How many functions are checked individually at the same time. */
const SIDE_BY_SIDE = 4;

/**
 * Adds an error to each graph that imports something that is not in Deno's cache: a function's process may not
 * download, so the module would not load. Runs none of the functions.
 */
export async function refuseUncached(
  graphs: ReadonlyMap<string, ModuleGraph>,
  { config, signal, log }: GraphOptions,
): Promise<void> {
  const unknown = [...graphs].filter(([, { remote, errors }]) =>
    errors.length === 0 && remote.some((specifier) => !cached.has(specifier))
  );
  const look = async (some: typeof unknown): Promise<string | undefined> => {
    const why = await whyUncached(some.map(([file]) => file), { config, signal, log });
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
async function whyUncached(files: string[], { config, signal, log }: GraphOptions): Promise<string | undefined> {
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
        "--no-lock",
        config ? `--config=${config}` : "--no-config",
        ...files,
      ],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).output();
    const said = success ? "" : whyNot(new TextDecoder().decode(stderr));
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
