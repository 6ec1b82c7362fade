import { extname, join, relative, resolve, sep } from "node:path";
import { describeError, WarrenError } from "../base/errors.ts";
import { brokenLink } from "./links.ts";
import { isBelow } from "../base/below.ts";
import { codeRoots } from "./own_code.ts";
import { displayPath } from "./place.ts";

/** A module in the functions folder. With `error`, its name cannot be used or it cannot be read. */
export interface DiscoveredFunction {
  name: string;
  /** The module, as an absolute path. */
  file: string;
  error?: string;
}

/** If two files have the same name, the one with the earlier extension is the function. */
const EXTENSIONS = [".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs"];
const NAME = /^[a-z0-9][a-z0-9_.-]{0,200}$/i;

/** The contents of a functions folder. */
export interface Discovered {
  /** Sorted by name. */
  functions: DiscoveredFunction[];
  /** The folders that were searched, as absolute paths. */
  folders: string[];
  /** The real path of each module. It changes if a deployment swaps a link. */
  places: Map<string, string>;
}

/**
 * Finds the functions in a folder and its subfolders. Skips files and folders that start with `_` or `.`,
 * `node_modules`, tests and type declarations. The function's name comes from the path as it is written, with links.
 *
 * @param roots links may lead into these folders
 * @throws {WarrenError} `config` if the folder does not exist
 */
export async function discoverFunctions(dir: string, roots: readonly string[] = codeRoots(dir)): Promise<Discovered> {
  const root = resolve(dir);
  const real = await Deno.realPath(root).catch(async (cause) => {
    const why = await brokenLink(root) ?? describeError(cause);
    throw new WarrenError("config", `the functions folder "${dir}" cannot be read: ${why}`, { cause });
  });
  if (!(await Deno.stat(real)).isDirectory) {
    throw new WarrenError("config", `the functions folder "${dir}" is not a folder`);
  }
  const found: Discovered = { functions: [], folders: [], places: new Map([[root, real]]) };
  await walk(root, real, { root, real, roots, parents: [], found });
  const functions = distinct(found.functions.sort(byName), root);
  return { ...found, functions };
}

interface Walk {
  root: string;
  /** The real path of the root. */
  real: string;
  /** Links may lead into these folders. */
  roots: readonly string[];
  /** The real paths of the parent folders. A link back to one of them is not followed. */
  parents: string[];
  found: Discovered;
}

async function walk(folder: string, real: string, options: Walk): Promise<void> {
  const { root, found } = options;
  const inside = { ...options, parents: [...options.parents, real] };
  found.folders.push(folder);
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (/^[_.]/.test(name) || name === "node_modules") continue;
      await visit(join(folder, name), inside);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return; // removed meanwhile
    const name = nameOf(relative(root, folder)) || ".";
    found.functions.push({ name, file: folder, error: `the folder cannot be read: ${describeError(error)}` });
  }
}

async function visit(path: string, options: Walk): Promise<void> {
  const real = await Deno.realPath(path).catch(() => undefined);
  if (real === undefined) return await visitBroken(path, options);
  const info = await Deno.stat(real).catch(() => undefined);
  if (info?.isDirectory) {
    if (options.parents.includes(real)) return; // its functions were found already, under their shorter names
    const error = foreignLink(real, options);
    if (error === undefined) await walk(path, real, options);
    else options.found.functions.push({ ...named(path, options.root), error });
  }
  if (info?.isFile && isModule(path)) {
    const error = foreignLink(real, options);
    options.found.places.set(path, real);
    options.found.functions.push(error ? { ...named(path, options.root), error } : named(path, options.root));
  }
}

/** A broken link is an error if it names a function or, without an extension, may have named a folder. */
async function visitBroken(path: string, { root, found }: Walk): Promise<void> {
  if (!isModule(path) && extname(path) !== "") return;
  const error = await brokenLink(path);
  // Otherwise the file was removed meanwhile.
  if (error !== undefined) found.functions.push({ ...named(path, root), error });
}

function foreignLink(real: string, { real: root, roots }: Walk): string | undefined {
  if (isBelow(real, root)) return undefined;
  if (isBelow(root, real)) return `it is a link to "${real}", which the functions folder is in`;
  if (roots.some((folder) => isBelow(real, folder))) return undefined;
  return `it is a link to "${real}", which is outside of ${displayPath(roots[0])}: ` +
    "what is there would need no permission";
}

function isModule(path: string): boolean {
  if (/(_test|\.test)\.[^.]+$|\.d\.[cm]?ts$/.test(path)) return false;
  return extension(path) !== "";
}

function named(file: string, root: string): DiscoveredFunction {
  const path = relative(root, file);
  const name = nameOf(path.slice(0, path.length - extension(path).length));
  if (NAME.test(name)) return { name, file };
  const error = `"${name}" cannot be a function's name: expected a path of letters, digits, "_", "." and "-", ` +
    "starting with a letter or a digit, of at most 201 characters";
  return { name, file, error };
}

/** Marks each later file with a name that is taken as broken, under a name of its own. */
function distinct(found: DiscoveredFunction[], root: string): DiscoveredFunction[] {
  const taken = new Map<string, DiscoveredFunction>();
  for (const item of found) {
    const first = taken.get(item.name);
    if (!first) {
      taken.set(item.name, item);
      continue;
    }
    const other = relative(root, first.file);
    let name = nameOf(relative(root, item.file));
    while (taken.has(name)) name += "_";
    const error = item.error ?? `function "${item.name}" is in "${other}" already: rename one`;
    taken.set(name, { name, file: item.file, error });
  }
  return [...taken.values()].sort(byName);
}

function byName(a: DiscoveredFunction, b: DiscoveredFunction): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  // A broken file does not take a name away from a working one.
  if ((a.error === undefined) !== (b.error === undefined)) return a.error === undefined ? -1 : 1;
  const [left, right] = [a, b].map(({ file }) => EXTENSIONS.indexOf(extension(file)));
  return left - right || (a.file < b.file ? -1 : 1);
}

function nameOf(path: string): string {
  return path.replaceAll(sep, ".");
}

function extension(path: string): string {
  return EXTENSIONS.find((end) => path.endsWith(end)) ?? "";
}
