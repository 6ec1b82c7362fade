import { sep } from "node:path";

/** Whether an absolute path is in a folder or in one of its subfolders. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
