import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };

/** Where Warren's own files are: a folder, or a package of a registry. */
const ROOT = new URL("../../", import.meta.url);
/** A file of the package as JSR serves it: `https://jsr.io/@warren/warren/0.1.0/main.ts`. */
const OF_REGISTRY = /\/(@[a-z0-9-]+\/[a-z0-9-]+)\/(\d+\.\d+\.\d+[^/]*)\/$/;

/** Warren's own version. */
export const VERSION: string = manifest.version;

/** The folder with Warren's own files, where they are on this machine. */
export const OWN_FOLDER: string | undefined = ROOT.protocol === "file:" ? fileURLToPath(ROOT) : undefined;

/** The `deno.json` of Warren's own folder. */
export const OWN_CONFIG: string | undefined = OWN_FOLDER === undefined ? undefined : `${OWN_FOLDER}deno.json`;

/** Warren's own tasks, by name. */
export const OWN_TASKS: Readonly<Record<string, { description: string; command: string }>> = manifest.tasks;

/** The libraries that Warren's own files import, by their bare names. */
export const OWN_LIBRARIES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(manifest.imports).filter(([, target]) => target.startsWith("npm:")),
);

/**
 * What a function or a test may import of Warren, by the names that a project's import map has for it: `warren`,
 * `warren/…`.
 *
 * @param root where Warren's files are. @default where this one is
 * @param range which versions of the package a project takes; else exactly this one
 */
export function ownImports({ root = ROOT, range }: { root?: URL; range?: string } = {}): Record<string, string> {
  const entries = Object.entries(manifest.exports).filter(([name]) => name !== ".");
  return Object.fromEntries(entries.map(([name, path]) => {
    const imported = name === "./mod" ? "warren" : `warren/${name.slice(2)}`;
    return [imported, ownSpecifier(name.slice(1), path, { root, range })];
  }));
}

/** What runs Warren: `jsr:@warren/warren@0.1.0`, or the path or URL of its main.ts. */
export function ownMain({ root = ROOT, range }: { root?: URL; range?: string } = {}): string {
  const main = ownSpecifier("", "./main.ts", { root, range });
  return main.startsWith("file:") ? fileURLToPath(main) : main;
}

function ownSpecifier(name: string, path: string, { root, range }: { root: URL; range?: string }): string {
  const [, scoped, version] = root.protocol === "file:" ? [] : OF_REGISTRY.exec(root.pathname) ?? [];
  return scoped ? `jsr:${scoped}@${range ?? version}${name}` : new URL(path, root).href;
}
