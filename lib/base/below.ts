import { sep } from "node:path";

/** Whether an absolute path is in a folder, or in one that is in it. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
