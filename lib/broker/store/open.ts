import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describeError, WarrenError } from "../../base/errors.ts";
import { removeIfThere } from "./files.ts";
import { APPLICATION_ID, migrate, userVersion, VERSION } from "./schema.ts";

const FILE = "broker.db";
/** Milliseconds to wait for another process to release the data. A killed process releases it sooner. */
const LOCK_WAIT = 1500;
/** Files up to this size are checked completely after an unclean stop. */
const CHECKED_SIZE = 64 * 1024 * 1024;

/**
 * Opens a broker's data, or creates it in an empty folder. The file stays locked until it is closed or the process
 * ends.
 *
 * @throws {WarrenError} `storage` if the data is locked, damaged, of a newer version or not writable
 */
export function openDatabase(folder: string): DatabaseSync {
  const path = join(resolve(folder), FILE);
  try {
    Deno.mkdirSync(folder, { recursive: true });
    if (!exists(path)) begin(path);
  } catch (error) {
    throw new WarrenError(
      "storage",
      `the broker cannot write its data to "${resolve(folder)}": ${
        describeError(error)
      }; choose another folder with WARREN_DATA`,
      { cause: error },
    );
  }
  return openExisting(path);
}

function openExisting(path: string): DatabaseSync {
  let sqlite: DatabaseSync | undefined;
  try {
    if (Deno.statSync(path).size === 0) throw new Error("the file is empty");
    sqlite = configured(path);
    const [{ application_id: kind }] = sqlite.prepare("PRAGMA application_id").all() as [{ application_id: number }];
    if (kind !== APPLICATION_ID) throw new Error("the file is another program's");
    const version = userVersion(sqlite);
    if (version > VERSION) {
      throw new WarrenError(
        "storage",
        `"${path}" is of version ${version}, and this Warren reads up to ${VERSION}; start the newer Warren that wrote it`,
      );
    }
    migrate(sqlite);
    if (!wasClean(sqlite)) check(sqlite, path);
    return sqlite;
  } catch (error) {
    sqlite?.close();
    if (error instanceof WarrenError) throw error;
    throw storageError(path, error);
  }
}

/** Created under another name first, so that other processes only ever see a complete file. */
function begin(path: string): void {
  const unfinished = `${path}.${crypto.randomUUID()}.new`;
  try {
    const sqlite = new DatabaseSync(unfinished);
    try {
      migrate(sqlite);
    } finally {
      sqlite.close();
    }
    // A link instead of a rename, which would replace a file that another process has just created.
    Deno.linkSync(unfinished, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    for (const leftover of [unfinished, `${unfinished}-journal`]) removeIfThere(leftover);
  }
}

function configured(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path);
  try {
    configure(sqlite);
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

function configure(sqlite: DatabaseSync): void {
  sqlite.exec(`PRAGMA busy_timeout = ${LOCK_WAIT}; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864; BEGIN IMMEDIATE; COMMIT`);
}

function wasClean(sqlite: DatabaseSync): boolean {
  const row = sqlite.prepare("SELECT value FROM state WHERE name = 'clean'").get() as { value: number } | undefined;
  return row?.value === 1;
}

function check(sqlite: DatabaseSync, path: string): void {
  if (Deno.statSync(path).size > CHECKED_SIZE) return;
  const [row] = sqlite.prepare("PRAGMA quick_check(1)").all() as [{ quick_check: string }];
  if (row.quick_check !== "ok") throw new Error(row.quick_check);
}

/** Translates an error of SQLite or the file system into its meaning for the data. */
export function storageError(path: string, error: unknown): WarrenError {
  const text = describeError(error);
  if (/locked/.test(text)) {
    return new WarrenError(
      "storage",
      `"${path}" is in use by another broker; join that one, or choose another folder with WARREN_DATA`,
      { cause: error },
    );
  }
  return new WarrenError(
    "storage",
    `"${path}" is damaged (${text}). Nothing was changed. Restore it from a backup, or move it away to begin with an empty broker`,
    { cause: error },
  );
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
