import { WarrenError } from "../errors.ts";

/** A file that is to be a function. */
export interface FoundFile {
  name: string;
  /** Absolute. */
  file: string;
  /** Why it cannot be one. */
  error?: string;
}

const MODULE = /\.(ts|mts|tsx|js|mjs|jsx)$/;
const NOT_FUNCTION = /(^[_.])|(\.d\.m?ts$)|([._]test\.\w+$)|(^node_modules$)/;
/** What a queue, a URL and a log line can carry. */
const NAME = /^[a-z0-9][a-z0-9_.-]{0,200}$/i;

/**
 * The functions below a folder, sorted by name: every module but tests and what
 * starts with `_` or `.`. The name is the path with dots: `orders/created.ts` is
 * `orders.created`.
 *
 * @throws {WarrenError} `config` when the folder cannot be read
 */
export async function discoverFunctions(dir: string): Promise<FoundFile[]> {
  let root: string;
  try {
    root = await Deno.realPath(dir);
  } catch (cause) {
    throw new WarrenError(
      "config",
      `the functions folder "${dir}" cannot be read; make it, or name another with FUNCTIONS_DIR`,
      {
        cause,
      },
    );
  }
  const found: FoundFile[] = [];
  await walk(root, root, found);
  found.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.file < b.file ? -1 : 1);
  for (let index = 1; index < found.length; index++) {
    const [before, here] = [found[index - 1], found[index]];
    if (before.name === here.name) here.error = `${here.file} has the same name as ${before.file}; rename one of them`;
  }
  return found;
}

async function walk(root: string, dir: string, found: FoundFile[]): Promise<void> {
  for await (const entry of Deno.readDir(dir)) {
    if (NOT_FUNCTION.test(entry.name)) continue;
    const path = `${dir}/${entry.name}`;
    const { isDirectory, isFile } = entry.isSymlink ? await behindLink(root, path) : entry;
    if (isDirectory && !entry.isSymlink) await walk(root, path, found);
    if (!isFile || !MODULE.test(entry.name)) continue;
    const name = path.slice(root.length + 1).replace(MODULE, "").replaceAll("/", ".");
    const error = NAME.test(name)
      ? undefined
      : `"${name}" is not a name for a function: letters, digits, "_" and "-", at most 200`;
    found.push({ name, file: path, ...(error ? { error } : {}) });
  }
}

/** A link may name a file of the folder, as mounted configuration does; what it names outside is none of ours. */
async function behindLink(root: string, path: string): Promise<{ isFile: boolean; isDirectory: boolean }> {
  try {
    if (!(await Deno.realPath(path)).startsWith(`${root}/`)) return { isFile: false, isDirectory: false };
    return await Deno.stat(path);
  } catch {
    return { isFile: false, isDirectory: false };
  }
}
