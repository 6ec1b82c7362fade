import { pathToFileURL } from "node:url";
import type { Facts } from "./loaded.ts";

/** The texts of a function's local modules as they were checked, by absolute path. */
export type Sources = ReadonlyMap<string, string>;

/**
 * A main module of one line, as a `data:` URL: it imports the guest and the
 * function, and so has both in its static graph, whose files need no permission.
 */
export function entryModule(file: string, socket: string, { name, envelope, body }: Facts): string {
  const guest = new URL("./guest.ts", import.meta.url).href;
  const source = `import { serve } from ${JSON.stringify(guest)}; ` +
    `await serve(${JSON.stringify(socket)}, ${JSON.stringify({ name, envelope, body })}, ` +
    `() => import(${JSON.stringify(pathToFileURL(file).href)}));`;
  return `data:application/typescript,${encodeURIComponent(source)}`;
}

/** Where a version of a function is to be run. */
export interface CheckedOut {
  file: string;
  /** Its modules that are links: Deno imports those only with the right to read them. */
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
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path).catch(() => undefined)));
  const links = await linksAmong(paths);
  // Deno's list of paths has no way to write a comma.
  const grantable = !links.some((path) => path.includes(","));
  if (!copy && grantable && paths.every((path, index) => sources.get(path) === texts[index])) return { file, links };
  for (const [path, text] of sources) {
    const copy = `${folder}${path}`;
    await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(copy, text);
  }
  return { file: `${folder}${file}`, links: [] };
}

async function linksAmong(paths: string[]): Promise<string[]> {
  const infos = await Promise.all(paths.map((path) => Deno.lstat(path).catch(() => undefined)));
  return paths.filter((_, index) => infos[index]?.isSymlink);
}
