import { resolve as resolvePath } from "node:path";
import { beyondCeiling } from "../ceiling.ts";
import { describeError } from "../errors.ts";
import { deadLetterQueue, type FunctionDefinition } from "../invocation/definition.ts";
import { resolveFunctionConfig } from "../invocation/function_config.ts";
import type { PermissionsConfig } from "../mod.ts";
import { type DiscoveredFunction, discoverFunctions } from "./discover.ts";
import { type GraphOptions, type ModuleGraph, readGraphs } from "./graph.ts";
import { foreignFiles } from "./own_code.ts";
import { displayPath } from "./place.ts";
import { fetchRemote, refuseUncached } from "./remote.ts";
import { readSource } from "./source.ts";

/** A function that can be bound, or why it cannot. */
export type LoadedFunction =
  | {
    name: string;
    file: string;
    definition: FunctionDefinition;
    /** The texts of its local modules as they were checked, by absolute path, its own first. */
    sources: Map<string, string>;
  }
  | { name: string; file: string; error: string };

export interface LoadOptions extends GraphOptions {
  /** What no function's permissions may exceed. @default no bound */
  ceiling?: PermissionsConfig;
  /** Whether what is imported may be downloaded. @default true */
  download?: boolean;
}

/** Reads each file once a load, so that all functions see one state of it. */
type ReadText = (file: string) => Promise<string>;

/**
 * Reads every function of a folder without running any: its name, its `config`,
 * and the local modules that it imports. One that is broken has its error.
 *
 * @returns the functions by name, and every local file that they depend on, missing ones included
 * @throws {WarrenError} `config` when there is no such folder
 */
export async function loadFunctions(
  dir: string,
  options: LoadOptions = {},
): Promise<{ functions: LoadedFunction[]; files: string[] }> {
  const discovered = await discoverFunctions(dir);
  const read = once((file) => Deno.readTextFile(file));
  const named = discovered.filter(({ error }) => error === undefined).map(({ file }) => file);
  // Before `deno info` reads them: a later change then makes another load, and not a mixture.
  await Promise.all(named.map((file) => read(file).catch(() => {})));
  const graphs = await readGraphs(named, options);
  if (options.download ?? true) await fetchRemote(graphs, options);
  await refuseUncached(graphs, options);
  const code = { folder: resolvePath(dir), ceiling: options.ceiling };
  const functions = await Promise.all(discovered.map((found) => load(found, graphs.get(found.file), read, code)));
  refuseSharedQueues(functions);
  const files = new Set(discovered.map(({ file }) => file));
  for (const graph of graphs.values()) [...graph.files, ...graph.missing].forEach((file) => files.add(file));
  return { functions, files: [...files] };
}

async function load(
  { name, file, error }: DiscoveredFunction,
  graph: ModuleGraph | undefined,
  read: ReadText,
  { folder, ceiling }: { folder: string; ceiling: PermissionsConfig | undefined },
): Promise<LoadedFunction> {
  const shown = displayPath(file);
  if (error !== undefined || !graph) return { name, file, error: `${shown}: ${error}` };
  try {
    const { config, validates } = readSource(shown, await read(file));
    if (graph.errors.length > 0) return { name, file, error: graph.errors.join("\n") };
    const outside = foreignFiles(graph.files, folder);
    if (outside.length > 0) return { name, file, error: outside.map((why) => `${shown}: ${why}`).join("\n") };
    const texts = await Promise.all(graph.files.map(read));
    const sources = new Map(graph.files.map((path, index) => [path, texts[index]]));
    const version = await hash(texts);
    const definition = resolve(config, { name, file, version, validates });
    const beyond = ceiling ? beyondTheCeiling(definition, ceiling) : [];
    if (beyond.length > 0) return { name, file, error: beyond.map((why) => `${shown}: ${why}`).join("\n") };
    return { name, file, definition, sources };
  } catch (error) {
    return { name, file, error: describeError(error) };
  }
}

function beyondTheCeiling({ permissions, isolation }: FunctionDefinition, ceiling: PermissionsConfig): string[] {
  if (isolation === "inline") return ['isolation is "inline", which no bound of PERMISSIONS_CEILING holds'];
  return beyondCeiling(permissions, ceiling);
}

/** Puts the file before what is wrong in its config, which knows no file. */
function resolve(
  config: Record<string, unknown>,
  where: { name: string; file: string; version: string; validates: boolean },
): FunctionDefinition {
  try {
    return resolveFunctionConfig(config, where);
  } catch (cause) {
    const shown = displayPath(where.file);
    const lines = describeError(cause).split("\n").map((line) => `${shown}: ${line}`);
    throw new Error(lines.join("\n"), { cause });
  }
}

/**
 * Two functions on one queue would each get a share of the other's messages. So
 * would one whose queue is the dead letters of another. Disabled ones take no queue.
 */
function refuseSharedQueues(functions: LoadedFunction[]): void {
  const owners = new Map<string, string>();
  for (const [index, loaded] of functions.entries()) {
    if ("error" in loaded || !loaded.definition.enabled) continue;
    const { name, file, definition } = loaded;
    const queues = [definition.queue.name, deadLetterQueue(definition.queue.name)];
    const taken = queues.find((queue) => owners.has(queue));
    if (taken !== undefined) {
      const error = `${displayPath(file)}: queue "${taken}" belongs to function "${owners.get(taken)}" already`;
      functions[index] = { name, file, error };
    } else queues.forEach((queue) => owners.set(queue, name));
  }
}

/** 16 hex digits of SHA-256 over the texts, each with its length before it. */
async function hash(texts: string[]): Promise<string> {
  const bytes = new TextEncoder().encode(texts.map((text) => `${text.length}\n${text}`).join(""));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

function once(read: ReadText): ReadText {
  const texts = new Map<string, Promise<string>>();
  return (file) => {
    const text = texts.get(file) ?? read(file);
    texts.set(file, text);
    return text;
  };
}
