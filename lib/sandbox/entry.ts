import { pathToFileURL } from "node:url";
import type { FunctionDefinition } from "../invocation/definition.ts";
import type { Facts } from "./loaded.ts";

/** The texts of a function's local modules as they were checked, by absolute path. */
export type Sources = ReadonlyMap<string, string>;

/**
 * A main module of one line, as a `data:` URL: it imports the guest and the
 * function, and so has both in its static graph, whose files need no permission.
 */
export function entryModule(file: string, socket: string, definition: FunctionDefinition): string {
  const { name, envelope, permissions, strictEnv } = definition;
  const facts: Facts = { name, envelope, grants: { permissions, strictEnv } };
  const guest = new URL("./guest.ts", import.meta.url).href;
  const source = `import { serve } from ${JSON.stringify(guest)}; ` +
    `await serve(${JSON.stringify(socket)}, ${JSON.stringify(facts)}, ` +
    `() => import(${JSON.stringify(pathToFileURL(file).href)}));`;
  return `data:application/typescript,${encodeURIComponent(source)}`;
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
): Promise<string> {
  const texts = await Promise.all([...sources.keys()].map((path) => Deno.readTextFile(path).catch(() => undefined)));
  if (!copy && [...sources.values()].every((text, index) => text === texts[index])) return file;
  for (const [path, text] of sources) {
    const copy = `${folder}${path}`;
    await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(copy, text);
  }
  return `${folder}${file}`;
}
