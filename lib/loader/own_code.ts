import { dirname, extname, join, resolve } from "node:path";
import { isBelow } from "../base/below.ts";
import { WarrenError } from "../base/errors.ts";
import { OWN_FOLDER } from "../settings/own_package.ts";
import { displayPath } from "./place.ts";

/** The folder of Warren's modules, which a function may import. Undefined if Warren is not in local files. */
const WARREN = OWN_FOLDER === undefined ? undefined : join(OWN_FOLDER, "lib");
const CODE = /^\.[cm]?[jt]sx?$|^\.wasm$/;

/**
 * Checks the local files that a function imports. Static imports need no permission, so importing a file that is not
 * the function's own code would bypass its read permissions. Its own code is everything in the roots. Other files (JSON,
 * text) must be in the functions folder. A link counts as the file that it leads to.
 */
export function foreignFiles(
  files: readonly string[],
  functionsDir: string,
  roots: readonly string[] = codeRoots(functionsDir),
): string[] {
  const real = realPath(functionsDir);
  return files.flatMap((file) => {
    const path = realPath(file);
    if (isBelow(path, real) || WARREN !== undefined && isBelow(path, WARREN)) return [];
    const code = CODE.test(extname(path));
    if (code && roots.some((root) => isBelow(path, root))) return [];
    const where = code ? displayPath(roots[0]) : displayPath(real);
    return [
      `imports ${displayPath(path)}, which is outside of ${where}: what it imports there would need no permission`,
    ];
  });
}

/**
 * The folders whose code is the functions' own, without links, the widest first: the project's root, and the parent folder
 * of the functions folder, of its path as written and of its real path.
 *
 * @param root the project's, or the one that the user names. @default only the parent folders
 * @throws {WarrenError} `config` if the functions folder is not in the root
 */
export function codeRoots(functionsDir: string, root?: string): string[] {
  const parents = [realPath(dirname(resolve(functionsDir))), dirname(realPath(functionsDir))];
  if (root === undefined) return [...new Set(parents)];
  const widest = realPath(resolve(root));
  if (!isBelow(resolve(functionsDir), resolve(root)) && !isBelow(realPath(functionsDir), widest)) {
    throw new WarrenError("config", `the code root "${root}" does not contain the functions folder "${functionsDir}"`);
  }
  return [...new Set([widest, ...parents])];
}

/** The target of a link if the file exists. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
