import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { isBroken, isHeld, openRuns } from "./run_schema.ts";

/** So many runners may share a folder. */
const MOST = 1_000;

export interface OpenedRuns {
  readonly sqlite: DatabaseSync;
  readonly path: string;
  /** Files that were no databases of records: they are gone. */
  readonly broken: readonly string[];
}

/**
 * Opens the first file in the folder that no living runner holds, or a new one. A runner that starts again so finds the
 * records of its earlier life.
 *
 * @throws {Error} where none can be made
 */
export function openFree(folder: string): OpenedRuns {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const broken: string[] = [];
  for (let number = 1; number <= MOST; number++) {
    const path = join(folder, `${number}.db`);
    try {
      return { sqlite: openRuns(path), path, broken };
    } catch (error) {
      if (isHeld(error)) continue;
      if (!isBroken(error)) throw error;
      removeRuns(path);
      broken.push(path);
      return { sqlite: openRuns(path), path, broken };
    }
  }
  throw new Error(`${MOST} runners hold all files in "${folder}"`);
}

/** Other files in the folder that nobody has held for so many milliseconds: their runners are gone. */
export function abandoned(folder: string, own: string, quiet: number, now: number): string[] {
  const found: string[] = [];
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (!isFile || !/^\d+\.db$/.test(name) || path === own) continue;
    if (now - lastWritten(path) >= quiet && isFree(path)) found.push(path);
  }
  return found;
}

/** Deletes a file with what SQLite has beside it. */
export function removeRuns(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    try {
      Deno.removeSync(path + suffix);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function isFree(path: string): boolean {
  try {
    openRuns(path).close();
    return true;
  } catch (error) {
    return isBroken(error);
  }
}

function lastWritten(path: string): number {
  return Math.max(...["", "-wal"].map((suffix) => {
    try {
      return Deno.statSync(path + suffix).mtime?.getTime() ?? 0;
    } catch {
      return 0;
    }
  }));
}
