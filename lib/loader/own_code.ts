import { dirname, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isBelow } from "../base/below.ts";
import { displayPath } from "./place.ts";

/** What a function may import of Warren. */
const WARREN = fileURLToPath(new URL("../", import.meta.url));
const CODE = /^\.[cm]?[jt]sx?$|^\.wasm$/;

/**
 * What is wrong with the local files that a function imports: imports in its source need no permission, so a file
 * that is not its own code would be read past them. Its code is what is beside the functions folder and below; other
 * files, JSON or text, count where they are in the functions folder. A link counts as the file it leads to.
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

/** The folders that the functions folder is in, without links: as its path is written, and where it really is. */
export function projectsOf(functionsDir: string): string[] {
  return [...new Set([realPath(dirname(resolve(functionsDir))), dirname(realPath(functionsDir))])];
}

/** Where a link leads, if the file is there. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
