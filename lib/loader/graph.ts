import { fileURLToPath, pathToFileURL } from "node:url";
import { describeError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { displayPath, place } from "./place.ts";

/** The imports of one function's module, including itself as the first. */
export interface ModuleGraph {
  /** Its local source files, as absolute paths. */
  files: string[];
  /** Local files that do not exist. If one appears, the function may load. */
  missing: string[];
  /** Imports from registries, from the network, and from packages in a `node_modules` folder. */
  remote: string[];
  /** Imports of its local modules by a bare name, as `zod`, which an import map resolves. */
  bare: BareImport[];
  /** Why the module cannot be loaded: a missing module, a bare specifier, a syntax error in an import. */
  errors: string[];
}

/** An import whose name only an import map resolves. */
export interface BareImport {
  name: string;
  /** What it resolves to. */
  target: string;
  /** Where it is imported, as `file:line:column`. */
  from: string;
}

export interface GraphOptions {
  /** The `deno.json` whose import map applies. @default none */
  config?: string;
  /** Deno's flags for how imports resolve, in place of `config`. @default no lock file */
  flags?: readonly string[];
  signal?: AbortSignal;
  log?: Logger;
}

/** Milliseconds for one `deno info`, which may query a registry. */
const TIMEOUT = 20_000;
/** Characters of one argument. Linux allows 131,072 bytes. */
const MAX_ENTRY = 100_000;

interface Span {
  start: { line: number; character: number };
}

interface Dependency {
  specifier: string;
  /** Undefined for a type-only import. */
  code?: { specifier?: string; error?: string; span?: Span };
  isDynamic?: boolean;
}

interface Module {
  specifier: string;
  dependencies?: Dependency[];
  error?: string;
}

/** The parts of `deno info --json` that are read here. */
interface Info {
  modules: Module[];
  redirects: Record<string, string>;
}

/**
 * Resolves the imports of all files with one `deno info`, which runs no code. If it fails as a whole, that is a
 * warning, and each file is treated as having no imports.
 */
export async function readGraphs(files: string[], options: GraphOptions = {}): Promise<Map<string, ModuleGraph>> {
  const graphs = new Map<string, ModuleGraph>();
  for (const group of groups(files)) {
    const info = await denoInfo(group, options);
    const modules = new Map(info?.modules.map((module) => [module.specifier, module]));
    for (const file of group) {
      graphs.set(
        file,
        info ? follow(file, modules, info.redirects) : { files: [file], missing: [], remote: [], bare: [], errors: [] },
      );
    }
  }
  return graphs;
}

/** One group, unless the entry that imports all files is too long for an argument. */
function groups(files: string[]): string[][] {
  const all: string[][] = [];
  let length = Infinity;
  for (const file of files) {
    const size = importOf(file).length;
    if (length + size > MAX_ENTRY) {
      all.push([]);
      length = 0;
    }
    all.at(-1)!.push(file);
    length += size;
  }
  return all;
}

function importOf(file: string): string {
  return encodeURIComponent(`import ${JSON.stringify(pathToFileURL(file).href)};`);
}

/** Flags for a command of Deno's that reads what functions import. */
export function flagsOf({ flags, config }: GraphOptions): readonly string[] {
  return flags ?? ["--no-lock", config ? `--config=${config}` : "--no-config"];
}

async function denoInfo(files: string[], options: GraphOptions): Promise<Info | undefined> {
  const { signal, log } = options;
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "info",
        "--json",
        ...flagsOf(options),
        `data:application/typescript,${files.map(importOf).join("")}`,
      ],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).output();
    if (timeout.aborted) throw new Error(`no answer within ${TIMEOUT / 1000} s`);
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim().slice(0, 1_000));
    const { modules, redirects } = JSON.parse(new TextDecoder().decode(stdout)) as Partial<Info>;
    if (!Array.isArray(modules)) throw new Error("its answer has no modules");
    return { modules, redirects: redirects ?? {} };
  } catch (error) {
    if (signal?.aborted) return undefined;
    log?.warn(`imports were not checked: \`deno info\` failed: ${describeError(error)}`);
    return undefined;
  }
}

interface Step {
  specifier: string;
  /** Where it is imported, as `file:line:column`. Empty for the function itself. */
  from: string;
  /** Imported by `import()`: it counts for the version, but may be missing until it runs. */
  dynamic: boolean;
  /** A file of a package: named by a bare name, or by another file of a package. */
  packaged: boolean;
}

/** As `zod`: what it resolves to, an import map or a `node_modules` folder says. */
function isBare(name: string): boolean {
  return !/^(\.{0,2}\/|[a-z][a-z0-9+.-]*:)/i.test(name);
}

function follow(file: string, modules: Map<string, Module>, redirects: Record<string, string>): ModuleGraph {
  const graph: ModuleGraph = { files: [], missing: [], remote: [], bare: [], errors: [] };
  const seen = new Set<string>();
  const steps: Step[] = [{ specifier: pathToFileURL(file).href, from: "", dynamic: false, packaged: false }];
  const later: Step[] = [];
  for (let step = steps.shift(); step; step = steps.shift() ?? later.shift()) {
    const specifier = redirects[step.specifier] ?? step.specifier;
    if (seen.has(specifier)) continue;
    seen.add(specifier);
    const module = modules.get(specifier);
    if (step.packaged || /^(npm|jsr|https?):/.test(specifier)) graph.remote.push(specifier);
    else if (specifier.startsWith("file:")) {
      const absent = module?.error?.startsWith("Module not found");
      (absent ? graph.missing : graph.files).push(fileURLToPath(specifier));
    }
    if (module?.error && !step.dynamic) graph.errors.push(moduleError(module.error, step.from));
    for (const { specifier: name, code, isDynamic } of module?.dependencies ?? []) {
      if (!code) continue;
      const dynamic = step.dynamic || isDynamic === true;
      const from = placeOf(specifier, code.span);
      if (code.error && !dynamic) graph.errors.push(`${from}: ${readable(code.error)}`);
      if (!code.specifier) continue;
      const packaged = (step.packaged || isBare(name)) && /^file:.*\/node_modules\//.test(code.specifier);
      if (isBare(name) && !step.packaged && specifier.startsWith("file:")) {
        graph.bare.push({ name, target: code.specifier, from });
      }
      (dynamic ? later : steps).push({ specifier: code.specifier, from, dynamic, packaged });
    }
  }
  return graph;
}

function placeOf(specifier: string, span: Span | undefined): string {
  const { line, character } = span?.start ?? { line: 0, character: 0 };
  const file = specifier.startsWith("file:") ? displayPath(fileURLToPath(specifier)) : specifier;
  return place(file, { line: line + 1, column: character + 1 });
}

/** The error after its location: in the module if the error has one, otherwise at the import. */
function moduleError(error: string, from: string): string {
  const inModule = /^(?:SyntaxError: )?([\s\S]*?)\s+at (file:\S+:\d+:\d+)\s*$/.exec(error);
  if (!inModule) return readable(from ? `${from}: ${error}` : error);
  const [, message, at] = inModule;
  const imported = from ? `\n  imported at ${from}` : "";
  return `${readable(at)}: syntax error: ${message}${imported}`;
}

/** The message with file paths instead of URLs. */
function readable(message: string): string {
  return message
    .replaceAll(/ from "file:[^"]*"/g, "")
    .replaceAll(/file:\/\/[^\s"':()]+/g, (url) => URL.canParse(url) ? displayPath(fileURLToPath(url)) : url);
}
