import { pathToFileURL } from "node:url";
import { ownImports } from "../../settings/own_package.ts";
import { isRecord } from "./jsonc.ts";
import type { Project, SettingsFile } from "./project.ts";

/** An import map, as Deno reads it. */
export interface ImportMap {
  imports: Record<string, string>;
  scopes?: Record<string, Record<string, string>>;
}

/** Whether the project itself says where `warren` is. */
export function namesWarren(project: Project): boolean {
  return mapsOf(project).some(({ content }) => isRecord(content.imports) && "warren" in content.imports);
}

/** The project's own import map with `warren` in it, every address as it is from anywhere. */
export function withWarren(project: Project): ImportMap {
  const map: ImportMap = { imports: {}, scopes: {} };
  // The workspace's first: a member's own entries win.
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
 * What a `package.json` depends on, as imports: each package by its name, from Deno's own cache. What is no version of a
 * package, a folder or a Git address, is not among them.
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

/** The files with entries, the one that counts most last. */
function mapsOf({ workspace, config, importMap }: Project): SettingsFile[] {
  // Deno reads no `imports` beside an `importMap`.
  return [workspace, importMap ?? config].filter((file) => file !== undefined);
}

/** `hono/cors` goes with `hono`: `deno.json` has that by itself, a plain import map needs an entry. */
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
