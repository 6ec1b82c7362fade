import { fileURLToPath, pathToFileURL } from "node:url";
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";

/** What a function's module consists of. */
export interface ModuleGraph {
  /** The local files that it imports for their code, itself first; absolute. */
  files: string[];
  /** What is missing or cannot be parsed, with its place. */
  errors: string[];
}

/** As `deno info --json` prints it, as far as it is used. */
interface InfoModule {
  specifier: string;
  error?: string;
  local?: string;
  dependencies?: {
    specifier: string;
    code?: { specifier?: string; error?: string; span?: Span };
  }[];
}
interface Span {
  start: { line: number; character: number };
}

export interface GraphOptions {
  /** The `deno.json` with the import map. */
  config?: string;
  signal?: AbortSignal;
  log?: Logger;
}

/**
 * Resolves the graphs of all the files in one run of `deno info`, which reads and
 * parses modules and never runs them. Where it cannot be had, each file stands alone.
 */
export async function moduleGraphs(
  files: readonly string[],
  options: GraphOptions = {},
): Promise<Map<string, ModuleGraph>> {
  const alone = new Map(files.map((file) => [file, { files: [file], errors: [] as string[] }]));
  if (files.length === 0) return alone;
  try {
    const modules = await info(files, options);
    return new Map(files.map((file) => [file, collect(file, modules)]));
  } catch (error) {
    if (!options.signal?.aborted) {
      options.log?.warn(`imports are not checked before functions are bound: ${describeError(error)}`);
    }
    return alone;
  }
}

async function info(files: readonly string[], { config, signal }: GraphOptions): Promise<Map<string, InfoModule>> {
  const entry = files.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};`).join("");
  const limit = AbortSignal.timeout(20_000);
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--json",
      "--quiet",
      ...(config ? [`--config=${config}`] : ["--no-config"]),
      `data:application/typescript,${encodeURIComponent(entry)}`,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  const { success, code, stdout, stderr } = await command.output();
  if (!success) throw new Error(`deno info exited with code ${code}: ${new TextDecoder().decode(stderr).trim()}`);
  const { modules, redirects = {} } = JSON.parse(new TextDecoder().decode(stdout));
  const found = new Map<string, InfoModule>((modules as InfoModule[]).map((module) => [module.specifier, module]));
  for (const [from, to] of Object.entries(redirects)) {
    const target = found.get(String(to));
    if (target) found.set(from, target);
  }
  return found;
}

/** A walk along the imports that run; what only the type checker reads cannot fail a function. */
function collect(file: string, modules: Map<string, InfoModule>): ModuleGraph {
  const root = pathToFileURL(file).href;
  const graph: ModuleGraph = { files: [file], errors: [] };
  const seen = new Set<string>([root]);
  const work = [{ specifier: root, from: undefined as string | undefined }];
  for (let next = work.shift(); next; next = work.shift()) {
    const module = modules.get(next.specifier);
    if (!module) continue;
    if (module.error) {
      graph.errors.push(next.from ? `${module.error} (imported at ${next.from})` : module.error);
      continue;
    }
    const path = module.specifier.startsWith("file:") ? fileURLToPath(module.specifier) : undefined;
    if (path && path !== file) graph.files.push(path);
    for (const { specifier, code } of module.dependencies ?? []) {
      if (!code) continue;
      const place = `${path ?? module.specifier}:${(code.span?.start.line ?? 0) + 1}:${
        (code.span?.start.character ?? 0) + 1
      }`;
      if (code.error) graph.errors.push(`cannot import "${specifier}" at ${place}: ${code.error}`);
      if (!code.specifier || seen.has(code.specifier)) continue;
      seen.add(code.specifier);
      work.push({ specifier: code.specifier, from: place });
    }
  }
  return graph;
}
