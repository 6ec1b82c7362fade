import { dirname, join, resolve, sep } from "node:path";
import { OWN_CONFIG } from "../../settings/own_package.ts";
import { isRecord, parseSettings } from "./jsonc.ts";

/** A person's own project: what its functions import resolves by its files. */
export interface Project {
  /** The folder that has them. */
  readonly root: string;
  /** Its `deno.json` or `deno.jsonc`; absent where it has a `package.json` alone. */
  readonly config: SettingsFile | undefined;
  /** The `deno.json` of the workspace that it is a member of. */
  readonly workspace: SettingsFile | undefined;
  readonly packageJson: SettingsFile | undefined;
  /** The import map that its `deno.json` names. */
  readonly importMap: SettingsFile | undefined;
  /** The lock file, whether it is there or not; undefined where it wants none. */
  readonly lock: string | undefined;
  /** The texts of all these but the lock file, and of `.npmrc`, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
}

/** A file of settings as it was read. */
export interface SettingsFile {
  readonly path: string;
  readonly content: Record<string, unknown>;
}

/** The names by which a folder is a project's root. */
export const PROJECT_FILES: readonly string[] = ["deno.json", "deno.jsonc", "package.json"];

/**
 * The project that a functions folder is in: the nearest folder, upwards, that has one of `PROJECT_FILES`. Warren's own
 * folder is none: the functions that ship use Warren's own settings.
 */
export async function projectRoot(functionsDir: string): Promise<string | undefined> {
  for (let folder = resolve(functionsDir);; folder = dirname(folder)) {
    for (const name of PROJECT_FILES) {
      if (await isFile(join(folder, name))) return await isOwn(folder) ? undefined : folder;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** @throws {WarrenError} `config` where one of its files is not what it should be */
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

/** The `deno.json` above that counts this folder among the members of its workspace. */
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

/** `packages/*` is every folder in `packages`. */
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
