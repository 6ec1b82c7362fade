import { createHash } from "node:crypto";
import { resolve as resolvePath } from "node:path";
import { beyondCeiling } from "../settings/ceiling.ts";
import { describeError } from "../base/errors.ts";
import { deadLetterQueue, type FunctionDefinition } from "../invocation/definition/definition.ts";
import { resolveFunctionConfig } from "../invocation/definition/function_config.ts";
import type { Permissions } from "../settings/ceiling.ts";
import { type DiscoveredFunction, discoverFunctions } from "./discover.ts";
import { type GraphOptions, type ModuleGraph, readGraphs } from "./graph.ts";
import { brokenLink } from "./links.ts";
import { codeRoots, foreignFiles } from "./own_code.ts";
import { displayPath } from "./place.ts";
import { fetchRemote } from "./remote.ts";
import type { Resolution } from "../invocation/definition/resolution.ts";
import { refuseInlineImports } from "./inline_imports.ts";
import type { ProjectReader } from "./project/project_reader.ts";
import { type SettledImports, settleImports } from "./project/settle_imports.ts";
import { readSource } from "./source.ts";

/** A function that can be bound, or the reason why it cannot. */
export type LoadedFunction =
  | {
    name: string;
    file: string;
    definition: FunctionDefinition;
    /**
     * The contents of its local modules when they were checked, by absolute path, its own first. Text, or bytes if it
     * is no text.
     */
    sources: Map<string, string | Uint8Array>;
    /** How its imports are resolved. Undefined if no project was read. */
    resolution: Resolution | undefined;
  }
  | { name: string; file: string; error: string };

export interface LoadOptions extends GraphOptions {
  /** Upper limit of every function's permissions. @default no limit */
  ceiling?: Permissions;
  /** Whether imports may be downloaded. @default true */
  download?: boolean;
  /** Reads the project of the folder. Its settings then apply in place of `config`. @default no project */
  projects?: Pick<ProjectReader, "open">;
  /** A folder whose code the functions may import. @default the project's, and the one that contains the functions folder */
  codeRoot?: string;
  /** Reads a file. @default `Deno.readFile` */
  readFile?: (file: string) => Promise<Uint8Array>;
}

/** Reads each file once per load, so that all functions see the same state of it. */
type Read = (file: string) => Promise<string | Uint8Array>;

/** What `loadFunctions()` found. */
export interface LoadedFolder {
  functions: LoadedFunction[];
  /** All local files that the functions depend on, and all folders in this one, including missing ones. */
  files: string[];
}

/** How often, in total, the files are read again because a deployment swapped a link meanwhile. */
const MAX_ROUNDS = 5;

/**
 * Reads every function in a folder without running any: its name, its `config`, and its local imports. A broken
 * function has an error.
 *
 * @throws {WarrenError} `config` if the folder does not exist
 */
export async function loadFunctions(dir: string, options: LoadOptions = {}): Promise<LoadedFolder> {
  for (let round = 1;; round++) {
    const { places, ...loaded } = await loadRound(dir, options);
    if (round === MAX_ROUNDS || options.signal?.aborted || await stillThere(places)) return loaded;
  }
}

/** One reading. It may mix two versions: `places` has the real path of each file, to notice that. */
async function loadRound(
  dir: string,
  options: LoadOptions,
): Promise<LoadedFolder & { places: Map<string, string | undefined> }> {
  const rules = await options.projects?.open(dir);
  const roots = codeRoots(dir, options.codeRoot ?? rules?.project?.root);
  const { functions: discovered, folders, places } = await discoverFunctions(dir, roots);
  const read = once(async (file) => textOf(await (options.readFile ?? Deno.readFile)(file)));
  const named = discovered.filter(({ error }) => error === undefined).map(({ file }) => file);
  // Read before `deno info` reads them, so that a later change causes another load and not a mixture.
  await Promise.all(named.map((file) => read(file).catch(() => {})));
  const reading = rules ? { ...options, flags: rules.flags } : options;
  const graphs = await readGraphs(named, reading);
  const files = new Set(discovered.map(({ file }) => file));
  for (const graph of graphs.values()) [...graph.files, ...graph.missing].forEach((file) => files.add(file));
  const seen = await placesOf([...files].filter((file) => !places.has(file)));
  if (options.download ?? true) await fetchRemote(graphs, reading);
  const settled = await settleImports(rules, graphs, options);
  const code = { folder: resolvePath(dir), roots, ceiling: options.ceiling, settled };
  const functions = await Promise.all(discovered.map((found) => load(found, graphs.get(found.file), read, code)));
  refuseShared(functions, ({ queue: { name } }) => [name, deadLetterQueue(name)], "queue");
  refuseShared(functions, ({ http }) => http?.path === undefined ? [] : [http.path], "http.path");
  rules?.files.forEach((file) => files.add(file));
  return { functions, files: [...folders.slice(1), ...files], places: new Map([...places, ...seen]) };
}

/** The real path of each file. Undefined for missing ones. */
async function placesOf(files: string[]): Promise<Map<string, string | undefined>> {
  const places = files.map(async (file) => [file, await Deno.realPath(file).catch(() => undefined)] as const);
  return new Map(await Promise.all(places));
}

async function stillThere(places: Map<string, string | undefined>): Promise<boolean> {
  const now = await placesOf([...places.keys()]);
  return [...places].every(([file, place]) => now.get(file) === place);
}

async function load(
  { name, file, error }: DiscoveredFunction,
  graph: ModuleGraph | undefined,
  read: Read,
  { folder, roots, ceiling, settled }: {
    folder: string;
    roots: readonly string[];
    ceiling: Permissions | undefined;
    settled: SettledImports;
  },
): Promise<LoadedFunction> {
  const shown = displayPath(file);
  if (error !== undefined || !graph) return { name, file, error: `${shown}: ${error}` };
  try {
    const { config, validates } = readSource(shown, asText(await read(file)));
    if (graph.errors.length > 0) {
      return { name, file, error: [...graph.errors, ...await brokenLinks(graph)].join("\n") };
    }
    const outside = foreignFiles(graph.files, folder, roots);
    if (outside.length > 0) return { name, file, error: outside.map((why) => `${shown}: ${why}`).join("\n") };
    const texts = await Promise.all(graph.files.map(read));
    const sources = new Map(graph.files.map((path, index) => [path, texts[index]]));
    // The lock file decides which versions of packages are imported.
    const rules = [settled.key, graph.remote.length > 0 ? settled.lock : ""].filter((text) => text !== "");
    const version = hash([...texts, ...rules]);
    const definition = resolve(config, { name, file, version, validates });
    const beyond = ceiling ? beyondTheCeiling(definition, ceiling) : [];
    if (beyond.length > 0) return { name, file, error: beyond.map((why) => `${shown}: ${why}`).join("\n") };
    const unlike = definition.isolation === "inline" ? refuseInlineImports(graph.bare) : [];
    if (unlike.length > 0) return { name, file, error: unlike.join("\n") };
    return { name, file, definition, sources, resolution: settled.resolution };
  } catch (error) {
    return { name, file, error: describeError(error) };
  }
}

/** The unloadable modules that are broken links. */
async function brokenLinks({ missing, files }: ModuleGraph): Promise<string[]> {
  const lines = [...missing, ...files].map(async (path) => {
    const why = await brokenLink(path);
    return why === undefined ? [] : [`${displayPath(path)}: ${why}`];
  });
  return (await Promise.all(lines)).flat();
}

function beyondTheCeiling({ permissions, isolation }: FunctionDefinition, ceiling: Permissions): string[] {
  if (isolation === "inline") return ['isolation is "inline", which no bound of PERMISSIONS_CEILING holds'];
  return beyondCeiling(permissions, ceiling);
}

/** Prefixes the config's problems with the file. */
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
 * Refuses a function that claims what another one has. Two functions on one queue would each get a share of the other's
 * messages, and so would a function on another's dead-letter queue. Disabled functions claim nothing.
 */
function refuseShared(
  functions: LoadedFunction[],
  claims: (definition: FunctionDefinition) => string[],
  what: string,
): void {
  const owners = new Map<string, string>();
  for (const [index, loaded] of functions.entries()) {
    if ("error" in loaded || !loaded.definition.enabled) continue;
    const { name, file, definition } = loaded;
    const claimed = claims(definition);
    const taken = claimed.find((claim) => owners.has(claim));
    if (taken !== undefined) {
      const error = `${displayPath(file)}: ${what} "${taken}" belongs to function "${owners.get(taken)}" already`;
      functions[index] = { name, file, error };
    } else claimed.forEach((claim) => owners.set(claim, name));
  }
}

/** 16 hex digits of SHA-256 over the modules, each with its length before it. */
function hash(modules: (string | Uint8Array)[]): string {
  const sum = createHash("sha256");
  for (const module of modules) sum.update(`${module.length}\n`).update(module);
  return sum.digest("hex").slice(0, 16);
}

const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A module as text, or as bytes if it is no text, as WebAssembly is. */
function textOf(bytes: Uint8Array): string | Uint8Array {
  try {
    return strictText.decode(bytes);
  } catch {
    return bytes;
  }
}

/** Decodes as Deno does for a module that is not valid UTF-8. */
function asText(source: string | Uint8Array): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}

function once(read: Read): Read {
  const texts = new Map<string, Promise<string | Uint8Array>>();
  return (file) => {
    const text = texts.get(file) ?? read(file);
    texts.set(file, text);
    return text;
  };
}
