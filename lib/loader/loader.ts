import { describeError } from "../errors.ts";
import type { FunctionDefinition } from "../invocation/definition.ts";
import { queueClash, resolveFunctionConfig } from "../invocation/function_config.ts";
import type { Logger } from "../log.ts";
import { discoverFunctions, type FoundFile } from "./discover.ts";
import { type ModuleGraph, moduleGraphs } from "./graph.ts";
import { readSource } from "./source.ts";

/** A file of the functions folder: a function, or why it is none. */
export type LoadedFunction =
  | {
    readonly name: string;
    readonly file: string;
    readonly definition: FunctionDefinition;
    /** The texts of its local modules, by absolute path: this version, whatever becomes of the files. */
    readonly sources: ReadonlyMap<string, string>;
  }
  | { readonly name: string; readonly file: string; readonly error: string };

export interface LoadOptions {
  /** The `deno.json` whose import map resolves `warren`. */
  config?: string;
  signal?: AbortSignal;
  log?: Logger;
}

/**
 * Reads every function of a folder: its name, its configuration, its modules. No
 * line of a function runs. One that cannot be loaded has its error, alone.
 *
 * @returns the functions by name, and every local file that they consist of
 * @throws {WarrenError} `config` when the folder cannot be read
 */
export async function loadFunctions(
  dir: string,
  options: LoadOptions = {},
): Promise<{ functions: LoadedFunction[]; files: string[] }> {
  const found = await discoverFunctions(dir);
  const usable = found.filter(({ error }) => error === undefined);
  const graphs = await moduleGraphs(usable.map(({ file }) => file), options);
  const owners = new Map<string, string>();
  const files = new Set<string>();
  const functions: LoadedFunction[] = [];
  for (const file of found) {
    const graph = graphs.get(file.file) ?? { files: [file.file], errors: [] };
    for (const path of graph.files) files.add(path);
    functions.push(await load(file, graph, owners));
  }
  return { functions, files: [...files] };
}

async function load(found: FoundFile, graph: ModuleGraph, owners: Map<string, string>): Promise<LoadedFunction> {
  const { name, file } = found;
  try {
    if (found.error) return { name, file, error: found.error };
    const sources = await readAll(graph.files);
    const { config } = readSource(file, sources.get(file)!);
    if (graph.errors.length > 0) return { name, file, error: graph.errors.join("\n") };
    const definition = resolveFunctionConfig(config, { name, file, version: await versionOf(sources) });
    const clash = definition.enabled ? queueClash(definition.queue.name, owners) : undefined;
    if (clash) return { name, file, error: clash };
    if (definition.enabled) owners.set(definition.queue.name, name);
    return { name, file, definition, sources };
  } catch (error) {
    return { name, file, error: describeError(error) };
  }
}

/** The function's own file must be there; one that it imports may be gone by now, and then its import fails. */
async function readAll(paths: readonly string[]): Promise<Map<string, string>> {
  const [own, ...rest] = paths;
  const sources = new Map([[own, await Deno.readTextFile(own)]]);
  for (const path of rest) {
    const text = await Deno.readTextFile(path).catch(() => undefined);
    if (text !== undefined) sources.set(path, text);
  }
  return sources;
}

async function versionOf(sources: ReadonlyMap<string, string>): Promise<string> {
  const all = [...sources].map(([path, text]) => `${path}\0${text}\0`).join("");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(all));
  return new Uint8Array(digest).toHex().slice(0, 16);
}
