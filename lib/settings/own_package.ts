import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };

/** The place of Warren's own files: a folder, or a package in a registry. */
const ROOT = new URL("../../", import.meta.url);
/** The end of a package's address on JSR, as in `https://jsr.io/@warren/warren/0.1.0/`. */
const OF_REGISTRY = /\/(@[a-z0-9-]+\/[a-z0-9-]+)\/(\d+\.\d+\.\d+[^/]*)\/$/;

/** Warren's own version. */
export const VERSION: string = manifest.version;

/** The folder with Warren's own files. Undefined if they are in a registry. */
export const OWN_FOLDER: string | undefined = ROOT.protocol === "file:" ? fileURLToPath(ROOT) : undefined;

/** The `deno.json` in that folder. */
export const OWN_CONFIG: string | undefined = OWN_FOLDER === undefined ? undefined : `${OWN_FOLDER}deno.json`;

/** Warren's own tasks, by name. */
export const OWN_TASKS: Readonly<Record<string, { description: string; command: string }>> = manifest.tasks;

/** The npm packages that Warren's own files import, by their bare names. */
export const OWN_LIBRARIES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(manifest.imports).filter(([, target]) => target.startsWith("npm:")),
);

/**
 * The imports by which functions and tests use Warren: `warren`, `warren/testing` and so on.
 *
 * @param root the place of Warren's files. @default the place of this file
 * @param range the accepted versions, if Warren is a package. @default this version
 */
export function ownImports({ root = ROOT, range }: { root?: URL; range?: string } = {}): Record<string, string> {
  const entries = Object.entries(manifest.exports).filter(([name]) => name !== ".");
  return Object.fromEntries(entries.map(([name, path]) => {
    const imported = name === "./mod" ? "warren" : `warren/${name.slice(2)}`;
    return [imported, ownSpecifier(name.slice(1), path, { root, range })];
  }));
}

/** The module that runs Warren: `jsr:@warren/warren@0.1.0`, or the path or the URL of its main.ts. */
export function ownMain({ root = ROOT, range }: { root?: URL; range?: string } = {}): string {
  const main = ownSpecifier("", "./main.ts", { root, range });
  return main.startsWith("file:") ? fileURLToPath(main) : main;
}

function ownSpecifier(name: string, path: string, { root, range }: { root: URL; range?: string }): string {
  const [, scoped, version] = root.protocol === "file:" ? [] : OF_REGISTRY.exec(root.pathname) ?? [];
  return scoped ? `jsr:${scoped}@${range ?? version}${name}` : new URL(path, root).href;
}
