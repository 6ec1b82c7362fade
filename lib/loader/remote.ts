import { describeError } from "../base/errors.ts";
import type { GraphOptions, ModuleGraph } from "./graph.ts";
import { displayPath } from "./place.ts";

/** Milliseconds for the packages of all functions. */
const TIMEOUT = 120_000;

/** What was fetched already, in this process: packages do not go away. */
const fetched = new Set<string>();

/**
 * Brings what functions import from registries into Deno's cache. The process of a function never downloads, so what
 * is not there by then does not load.
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
    // Each function whose packages are there anyway loads; the others say what they miss.
    if (!signal?.aborted) log?.warn(`packages could not be fetched: ${describeError(error)}`);
  }
}

/** What is in the cache for certain, in this process: it does not go away. */
const cached = new Set<string>();
/** Functions that are looked at one by one at a time. */
const SIDE_BY_SIDE = 4;

/**
 * Adds an error to each graph that imports what is not in Deno's cache: the function's process may not download it, so its
 * module would not load. Nothing of the functions is run.
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
  // One look at all is enough where nothing is missing.
  if (unknown.length === 0 || await look(unknown) === undefined) return;
  const one = async () => {
    for (let next = unknown.shift(); next; next = unknown.shift()) {
      const why = await look([next]);
      if (why !== undefined) next[1].errors.push(`${displayPath(next[0])}: ${why}`);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
}

/** Why these modules cannot be loaded from the cache alone; undefined where they can, or where Deno did not answer. */
async function whyUncached(files: string[], { config, signal, log }: GraphOptions): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      // Reads all that is imported, as a function's process would, and runs nothing of it.
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
    if (!signal?.aborted) log?.warn(`imports were not looked for in Deno's cache: ${describeError(error)}`);
    return undefined;
  }
}

/** What Deno said, in one line, without its own stack. */
function whyNot(stderr: string): string {
  const [said] = stderr.replace(/^error: /, "").split(/\n\s*Stack backtrace:/);
  return said.trim().replace(/\s*\n\s*/g, " ").slice(0, 1_000);
}
