import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Resolution } from "../../invocation/definition/resolution.ts";
import type { Facts } from "../handler/loaded.ts";

/** A function's local modules as they were checked, by absolute path: text, or bytes if a module is no text. */
export type Sources = ReadonlyMap<string, string | Uint8Array>;

/**
 * Never called. Deno caches literal dynamic imports together with the module that contains them. A function's process
 * downloads nothing, so its own part of Warren must be in the cache when Warren starts.
 */
export const GUEST = (): Promise<unknown> => import("../guest/guest.ts");

/**
 * A main module of one line, as a `data:` URL: it imports the guest and the
 * function, and so has both in its static graph, whose files need no permission.
 */
export function entryModule(file: string, socket: string, definition: FunctionDefinition): string {
  const { name, envelope, body, permissions, strictEnv } = definition;
  const facts: Facts = { name, envelope, body, grants: { permissions, strictEnv } };
  const guest = new URL("../guest/guest.ts", import.meta.url).href;
  const source = `import { serve } from ${JSON.stringify(guest)}; ` +
    `await serve(${JSON.stringify(socket)}, ${JSON.stringify(facts)}, ` +
    `() => import(${JSON.stringify(pathToFileURL(file).href)}));`;
  return `data:application/typescript,${encodeURIComponent(source)}`;
}

/** Where a version of a function is started from. */
export interface CheckedOut {
  file: string;
  /** Its modules that are links. Deno needs read permission to import them. */
  links: string[];
  /** How its imports are resolved there. */
  resolution: Resolution | undefined;
}

/**
 * The file to run for a version of a function: the function's own while it is
 * unchanged, else a copy of that version below `folder`. So a version that still
 * serves can be started again after its file was changed, broken or deleted.
 *
 * @param copy whether it is a copy in any case. @default false
 * @param resolution how its imports are resolved. A copy of the modules has a copy of the settings. @default Deno's own
 */
export async function checkedOut(
  file: string,
  sources: Sources,
  folder: string,
  { copy = false, resolution }: { copy?: boolean; resolution?: Resolution } = {},
): Promise<CheckedOut> {
  const all: Sources = new Map([...sources, ...resolution?.files ?? []]);
  const files = await Promise.all([...all.keys()].map((path) => Deno.readFile(path).catch(() => undefined)));
  const links = await linksAmong([...sources.keys()]);
  // Deno's list of paths cannot contain a path with a comma.
  const grantable = !links.some((path) => path.includes(","));
  if (!copy && grantable && [...all.values()].every((source, index) => isSame(source, files[index]))) {
    return { file, links, resolution };
  }
  for (const [path, source] of all) {
    const copy = `${folder}${path}`;
    await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(copy, bytesOf(source));
  }
  return { file: `${folder}${file}`, links: [], resolution: resolution && await moved(resolution, folder) };
}

/** The resolution for copies below `folder`: addresses of the project's own files become those of the copies. */
async function moved(resolution: Resolution, folder: string): Promise<Resolution> {
  const { config, importMap, files } = resolution;
  const copied = config !== undefined && files.has(config);
  // Its packages may be in the project's node_modules.
  for (const path of files.keys()) await linkBeside(path, "node_modules", folder);
  if (!importMap || !copied) return { ...resolution, config: copied ? `${folder}${config}` : config };
  const root = pathToFileURL(dirname(config)).href;
  const text = await Deno.readTextFile(importMap);
  const there = `${folder}${importMap}`;
  await Deno.mkdir(dirname(there), { recursive: true });
  await Deno.writeTextFile(
    there,
    text.replaceAll(`"${root}/`, `"${pathToFileURL(`${folder}${dirname(config)}`).href}/`),
  );
  return { ...resolution, config: `${folder}${config}`, importMap: there };
}

async function linkBeside(path: string, name: string, folder: string): Promise<void> {
  const original = join(dirname(path), name);
  if (!await Deno.stat(original).catch(() => undefined)) return;
  await Deno.symlink(original, `${folder}${original}`).catch((error) => {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  });
}

/** Whether two modules are identical. */
export function isSame(one: string | Uint8Array, other: string | Uint8Array | undefined): boolean {
  if (typeof one === typeof other) return one === other || typeof one !== "string" && equals(one, other as Uint8Array);
  return other !== undefined && equals(bytesOf(one), bytesOf(other));
}

function equals(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function bytesOf(source: string | Uint8Array): Uint8Array {
  return typeof source === "string" ? new TextEncoder().encode(source) : source;
}

async function linksAmong(paths: string[]): Promise<string[]> {
  const infos = await Promise.all(paths.map((path) => Deno.lstat(path).catch(() => undefined)));
  return paths.filter((_, index) => infos[index]?.isSymlink);
}
