import { describeError } from "../errors.ts";
import type { GraphOptions, ModuleGraph } from "./graph.ts";

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

/** What Deno said, in one line, without its own stack. */
function whyNot(stderr: string): string {
  const [said] = stderr.replace(/^error: /, "").split(/\n\s*Stack backtrace:/);
  return said.trim().replace(/\s*\n\s*/g, " ").slice(0, 1_000);
}
