import { join, relative, resolve, sep } from "node:path";
import { describeError, WarrenError } from "../errors.ts";

/** A module in the functions folder; with `error` it has no name of its own, or cannot be read. */
export interface DiscoveredFunction {
  name: string;
  /** The module, as an absolute path. */
  file: string;
  error?: string;
}

/** In this order: of two files with one name, the earlier extension is the function. */
const EXTENSIONS = [".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs"];
const NAME = /^[a-z0-9][a-z0-9_.-]{0,200}$/i;

/**
 * The functions in a folder, sorted by name. Files and folders that start with `_`
 * or `.`, `node_modules`, tests, type declarations, and links out of the folder are not.
 *
 * @throws {WarrenError} `config` when there is no such folder
 */
export async function discoverFunctions(dir: string): Promise<DiscoveredFunction[]> {
  const root = resolve(dir);
  const real = await Deno.realPath(root).catch((cause) => {
    throw new WarrenError("config", `the functions folder "${dir}" cannot be read: ${describeError(cause)}`, { cause });
  });
  if (!(await Deno.stat(real)).isDirectory) {
    throw new WarrenError("config", `the functions folder "${dir}" is not a folder`);
  }
  const found: DiscoveredFunction[] = [];
  await walk(root, real, { root, real, parents: [], found });
  found.sort(byName);
  return distinct(found, root);
}

interface Walk {
  root: string;
  /** The root without symbolic links in its path. */
  real: string;
  /** The real paths of the folders above: a link back to one of them ends there. */
  parents: string[];
  found: DiscoveredFunction[];
}

async function walk(folder: string, real: string, options: Walk): Promise<void> {
  const { root, found } = options;
  const inside = { ...options, parents: [...options.parents, real] };
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (/^[_.]/.test(name) || name === "node_modules") continue;
      await visit(join(folder, name), inside);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return; // removed meanwhile
    const name = nameOf(relative(root, folder)) || ".";
    found.push({ name, file: folder, error: `the folder cannot be read: ${describeError(error)}` });
  }
}

async function visit(path: string, options: Walk): Promise<void> {
  const real = await Deno.realPath(path).catch(() => undefined); // a link to nowhere, or removed meanwhile
  if (real === undefined || !`${real}${sep}`.startsWith(withSeparator(options.real))) return;
  const info = await Deno.stat(real).catch(() => undefined);
  if (info?.isDirectory && !options.parents.includes(real)) await walk(path, real, options);
  if (info?.isFile && isModule(path)) options.found.push(named(path, options.root));
}

function isModule(path: string): boolean {
  if (/(_test|\.test)\.[^.]+$|\.d\.[cm]?ts$/.test(path)) return false;
  return extension(path) !== "";
}

function named(file: string, root: string): DiscoveredFunction {
  const path = relative(root, file);
  const name = nameOf(path.slice(0, -extension(path).length));
  if (NAME.test(name)) return { name, file };
  const error = `"${name}" cannot be a function's name: expected a path of letters, digits, "_", "." and "-", ` +
    "starting with a letter or a digit, of at most 201 characters";
  return { name, file, error };
}

/** Gives each later file of a name that is taken a name by which it is seen to be broken. */
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
    taken.set(name, { name, file: item.file, error: `function "${item.name}" is in "${other}" already: rename one` });
  }
  return [...taken.values()].sort(byName);
}

function byName(a: DiscoveredFunction, b: DiscoveredFunction): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  const [left, right] = [a, b].map(({ file }) => EXTENSIONS.indexOf(extension(file)));
  return left - right || (a.file < b.file ? -1 : 1);
}

function nameOf(path: string): string {
  return path.replaceAll(sep, ".");
}

function extension(path: string): string {
  return EXTENSIONS.find((end) => path.endsWith(end)) ?? "";
}

function withSeparator(path: string): string {
  return path.endsWith(sep) ? path : path + sep;
}
