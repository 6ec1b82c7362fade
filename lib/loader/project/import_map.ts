import { pathToFileURL } from "node:url";
import { ownImports } from "../../settings/own_package.ts";
import { isRecord } from "./jsonc.ts";
import type { Project, SettingsFile } from "./project.ts";

/** An import map in Deno's format. */
export interface ImportMap {
  imports: Record<string, string>;
  scopes?: Record<string, Record<string, string>>;
}

/** Whether the project's own imports include `warren`. */
export function namesWarren(project: Project): boolean {
  return mapsOf(project).some(({ content }) => isRecord(content.imports) && "warren" in content.imports);
}

/** The project's import map with `warren` added. All addresses are absolute, so the map can be in any folder. */
export function withWarren(project: Project): ImportMap {
  const map: ImportMap = { imports: {}, scopes: {} };
  // The workspace comes first, because a member's own entries take precedence.
  for (const file of mapsOf(project)) {
    const imports = addresses(file.content.imports, file.path);
    Object.assign(map.imports, file.path === project.importMap?.path ? imports : withSubpaths(imports));
    const scopes = isRecord(file.content.scopes) ? file.content.scopes : {};
    for (const [scope, entries] of Object.entries(scopes)) {
      map.scopes![address(scope, file.path)] = addresses(entries, file.path);
    }
  }
  return { ...map, imports: { ...ownImports(), ...map.imports } };
}

/**
 * The dependencies of a `package.json` as imports, by which Deno takes them from its own cache. Folders and Git addresses
 * are left out.
 */
export function dependencyImports({ content }: SettingsFile): Record<string, string> {
  const imports: Record<string, string> = {};
  for (const kind of ["devDependencies", "optionalDependencies", "dependencies"]) {
    const entries = isRecord(content[kind]) ? content[kind] : {};
    for (const [name, version] of Object.entries(entries)) {
      if (typeof version !== "string") continue;
      if (/^(npm|jsr):/.test(version)) imports[name] = version;
      else if (!/[:/]/.test(version)) imports[name] = `npm:${name}@${version}`;
    }
  }
  return imports;
}

/** The files that contain imports. Later ones take precedence. */
function mapsOf({ workspace, config, importMap }: Project): SettingsFile[] {
  // Deno ignores `imports` if there is an `importMap`.
  return [workspace, importMap ?? config].filter((file) => file !== undefined);
}

/** Adds entries for subpaths, as in `hono/cors`. A `deno.json` includes them, an import map needs an entry. */
function withSubpaths(imports: Record<string, string>): Record<string, string> {
  const more: Record<string, string> = {};
  for (const [name, target] of Object.entries(imports)) {
    const [, scheme, rest] = /^(npm|jsr):\/?(.+[^/])$/.exec(target) ?? [];
    if (scheme && !name.endsWith("/")) more[`${name}/`] = `${scheme}:/${rest}/`;
  }
  return { ...more, ...imports };
}

function addresses(entries: unknown, file: string): Record<string, string> {
  const texts = Object.entries(isRecord(entries) ? entries : {}).filter((entry): entry is [string, string] =>
    typeof entry[1] === "string"
  );
  return Object.fromEntries(texts.map(([name, target]) => [name, address(target, file)]));
}

function address(target: string, file: string): string {
  return /^\.{0,2}\//.test(target) ? new URL(target, pathToFileURL(file)).href : target;
}
