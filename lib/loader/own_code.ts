import { dirname, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isBelow } from "../base/below.ts";
import { displayPath } from "./place.ts";

/** The modules of Warren that a function may import. */
const WARREN = fileURLToPath(new URL("../", import.meta.url));
const CODE = /^\.[cm]?[jt]sx?$|^\.wasm$/;

/**
 * Checks the local files that a function imports. Static imports need no permission, so importing a file that is not
 * the function's own code would bypass its read permissions. Its own code is everything in the folder that contains the
 * functions folder, and below. Other files (JSON, text) must be in the functions folder. A link counts as the file that
 * it leads to.
 */
export function foreignFiles(files: readonly string[], functionsDir: string): string[] {
  const real = realPath(functionsDir);
  const projects = projectsOf(functionsDir);
  return files.flatMap((file) => {
    const path = realPath(file);
    if (isBelow(path, WARREN) || isBelow(path, real)) return [];
    const code = CODE.test(extname(path));
    if (code && projects.some((project) => isBelow(path, project))) return [];
    const where = code ? displayPath(projects[0]) : displayPath(real);
    return [
      `imports ${displayPath(path)}, which is outside of ${where}: what it imports there would need no permission`,
    ];
  });
}

/** The parent folder of the functions folder, without links: of its path as written, and of its real path. */
export function projectsOf(functionsDir: string): string[] {
  return [...new Set([realPath(dirname(resolve(functionsDir))), dirname(realPath(functionsDir))])];
}

/** The target of a link if the file exists. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
