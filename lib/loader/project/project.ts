import { dirname, join, resolve, sep } from "node:path";
import { OWN_CONFIG } from "../../settings/own_package.ts";
import { isRecord, parseSettings } from "./jsonc.ts";

/** A user's own project. Its files decide how the imports of its functions are resolved. */
export interface Project {
  /** The folder with these files. */
  readonly root: string;
  /** Its `deno.json` or `deno.jsonc`. Undefined if it has only a `package.json`. */
  readonly config: SettingsFile | undefined;
  /** The `deno.json` of the workspace that it is a member of. */
  readonly workspace: SettingsFile | undefined;
  readonly packageJson: SettingsFile | undefined;
  /** The import map that its `deno.json` names. */
  readonly importMap: SettingsFile | undefined;
  /** The path of the lock file, which may be missing. Undefined if the project turns it off. */
  readonly lock: string | undefined;
  /** The texts of these files and of `.npmrc`, by absolute path. The lock file is not included. */
  readonly files: ReadonlyMap<string, string>;
}

/** A settings file and its content. */
export interface SettingsFile {
  readonly path: string;
  readonly content: Record<string, unknown>;
}

/** The files that make a folder the root of a project. */
export const PROJECT_FILES: readonly string[] = ["deno.json", "deno.jsonc", "package.json"];

/**
 * The root of the project that contains a functions folder: the nearest folder, upwards, with one of `PROJECT_FILES`.
 * Undefined in Warren's own folder, because the functions that ship use Warren's own settings.
 */
export async function projectRoot(functionsDir: string): Promise<string | undefined> {
  for (let folder = resolve(functionsDir);; folder = dirname(folder)) {
    for (const name of PROJECT_FILES) {
      if (await isFile(join(folder, name))) return await isOwn(folder) ? undefined : folder;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Reads the project that contains a functions folder. Undefined if there is none.
 *
 * @throws {WarrenError} `config` if one of its files cannot be parsed
 */
export async function readProject(functionsDir: string): Promise<Project | undefined> {
  const root = await projectRoot(functionsDir);
  if (root === undefined) return undefined;
  const files = new Map<string, string>();
  const config = await readFirst(root, ["deno.json", "deno.jsonc"], files);
  const packageJson = await readFirst(root, ["package.json"], files);
  const workspace = config && await findWorkspace(config.path, files);
  const named = config?.content.importMap;
  const importMap = typeof named === "string" ? await readFirst(root, [named], files) : undefined;
  const npmrc = await Deno.readTextFile(join(root, ".npmrc")).catch(() => undefined);
  if (npmrc !== undefined) files.set(join(root, ".npmrc"), npmrc);
  return { root, config, workspace, packageJson, importMap, lock: lockOf(workspace ?? config, root), files };
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

async function isOwn(folder: string): Promise<boolean> {
  if (OWN_CONFIG === undefined) return false;
  const real = await Deno.realPath(folder);
  return real === await Deno.realPath(dirname(OWN_CONFIG)).catch(() => undefined);
}

async function readFirst(
  folder: string,
  names: readonly string[],
  files: Map<string, string>,
): Promise<SettingsFile | undefined> {
  for (const name of names) {
    const path = resolve(folder, name);
    const text = await Deno.readTextFile(path).catch(() => undefined);
    if (text === undefined) continue;
    files.set(path, text);
    return { path, content: parseSettings(path, text) };
  }
}

/** The nearest `deno.json` above whose workspace has this folder as a member. */
async function findWorkspace(config: string, files: Map<string, string>): Promise<SettingsFile | undefined> {
  const member = dirname(config);
  for (let folder = dirname(member); folder !== dirname(folder); folder = dirname(folder)) {
    const read = new Map<string, string>();
    const found = await readFirst(folder, ["deno.json", "deno.jsonc"], read);
    if (!found || !membersOf(found.content).some((pattern) => matches(member, folder, pattern))) continue;
    read.forEach((text, path) => files.set(path, text));
    return found;
  }
}

function membersOf({ workspace }: Record<string, unknown>): string[] {
  const members = isRecord(workspace) ? workspace.members : workspace;
  return Array.isArray(members) ? members.filter((member) => typeof member === "string") : [];
}

/** Whether a folder is a member by a pattern, as in `packages/*`. */
function matches(member: string, folder: string, pattern: string): boolean {
  const [before, star] = pattern.split("*", 2);
  const place = join(folder, before);
  return star === undefined
    ? resolve(place) === member
    : dirname(member) === resolve(place.endsWith(sep) ? place : dirname(place));
}

function lockOf(config: SettingsFile | undefined, root: string): string | undefined {
  const folder = config ? dirname(config.path) : root;
  const lock = config?.content.lock;
  if (lock === false) return undefined;
  const named = isRecord(lock) ? lock.path : lock;
  return resolve(folder, typeof named === "string" ? named : "deno.lock");
}
