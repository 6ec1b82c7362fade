import { pathToFileURL } from "node:url";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Facts } from "../handler/loaded.ts";

/** A function's local modules as they were checked, by absolute path: text, or bytes if a module is no text. */
export type Sources = ReadonlyMap<string, string | Uint8Array>;

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
}

/**
 * The file to run for a version of a function: the function's own while it is
 * unchanged, else a copy of that version below `folder`. So a version that still
 * serves can be started again after its file was changed, broken or deleted.
 *
 * @param copy whether it is a copy in any case. @default false
 */
export async function checkedOut(
  file: string,
  sources: Sources,
  folder: string,
  { copy = false }: { copy?: boolean } = {},
): Promise<CheckedOut> {
  const paths = [...sources.keys()];
  const files = await Promise.all(paths.map((path) => Deno.readFile(path).catch(() => undefined)));
  const links = await linksAmong(paths);
  // Deno's list of paths cannot contain a path with a comma.
  const grantable = !links.some((path) => path.includes(","));
  if (!copy && grantable && [...sources.values()].every((source, index) => isSame(source, files[index]))) {
    return { file, links };
  }
  for (const [path, source] of sources) {
    const copy = `${folder}${path}`;
    await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(copy, bytesOf(source));
  }
  return { file: `${folder}${file}`, links: [] };
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
