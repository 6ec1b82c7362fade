import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Of each module, what it imports; files by their path from the root, packages by their `npm:` or `jsr:` name. */
export type ModuleGraph = Map<string, string[]>;

interface DenoInfo {
  modules: { specifier: string; error?: string; dependencies?: Dependency[] }[];
}

interface Dependency {
  specifier: string;
  code?: { specifier?: string };
  type?: { specifier?: string };
}

/**
 * The modules of main.ts and lib/ as `deno info --json` sees them: `import type` counted, nothing run.
 * Files that only a string names (what runs inside a sandbox) are there too.
 */
export async function readModuleGraph(root: URL): Promise<ModuleGraph> {
  const graph: ModuleGraph = new Map();
  for (const file of ["main.ts", ...findModules(root, "lib")]) {
    if (graph.has(file)) continue;
    for (const { specifier, error, dependencies = [] } of (await info(root, file)).modules) {
      const path = relative(root, specifier);
      if (error) throw new Error(`${path}: ${error}`);
      if (!path.startsWith("lib/") && path !== "main.ts") continue;
      const imports = dependencies.flatMap(({ code, type }) => [code?.specifier, type?.specifier]);
      graph.set(path, [...new Set(imports.filter((one) => one !== undefined).map((one) => relative(root, one)))]);
    }
  }
  return graph;
}

function findModules(root: URL, folder: string): string[] {
  return [...Deno.readDirSync(join(fileURLToPath(root), folder))].flatMap(({ name, isDirectory }) =>
    isDirectory ? findModules(root, `${folder}/${name}`) : /\.tsx?$/.test(name) ? [`${folder}/${name}`] : []
  ).sort();
}

async function info(root: URL, file: string): Promise<DenoInfo> {
  const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json", "--no-lock", file], cwd: root });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`deno info ${file} failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function relative(root: URL, specifier: string): string {
  return specifier.startsWith(root.href) ? specifier.slice(root.href.length) : specifier;
}
