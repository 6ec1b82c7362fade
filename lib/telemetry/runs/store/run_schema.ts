import { DatabaseSync } from "node:sqlite";

const APPLICATION_ID = 0x57_52_55_4e; // "WRUN"
const VERSION = 1;

const SCHEMA = `
  CREATE TABLE run (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    function TEXT NOT NULL,
    failed INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    message_id TEXT,
    parent_id TEXT,
    trace_id TEXT,
    error_key TEXT,
    -- What lists show, and the rest of the record: JSON.
    summary TEXT NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;
  CREATE INDEX run_function ON run (function, id);
  CREATE INDEX run_failed ON run (failed, id);
  CREATE INDEX run_message ON run (message_id) WHERE message_id IS NOT NULL;
  CREATE INDEX run_parent ON run (parent_id) WHERE parent_id IS NOT NULL;
  CREATE INDEX run_trace ON run (trace_id) WHERE trace_id IS NOT NULL;
  CREATE INDEX run_error ON run (function, error_key, id) WHERE error_key IS NOT NULL;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};`;

/**
 * Opens a file of records, and holds it: nobody else can open it until it is closed, or its process has ended. Nothing is
 * forced to the disk: after a power cut the last records may be missing, or the file is broken.
 *
 * @throws {Error} where it is held by another, is no database, or is of another program
 */
export function openRuns(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path, { timeout: 0 });
  try {
    sqlite.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;");
    sqlite.exec("BEGIN EXCLUSIVE; COMMIT;");
    prepare(sqlite);
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

function prepare(sqlite: DatabaseSync): void {
  const application = numberOf(sqlite, "application_id");
  if (application === APPLICATION_ID && numberOf(sqlite, "user_version") === VERSION) return;
  const empty = sqlite.prepare("SELECT count(*) AS count FROM sqlite_schema").get()!.count === 0;
  if (!empty) throw new Error("it is not a database of run records of this version");
  sqlite.exec(`BEGIN; ${SCHEMA} COMMIT;`);
}

function numberOf(sqlite: DatabaseSync, pragma: "application_id" | "user_version"): number {
  return Number(sqlite.prepare(`PRAGMA ${pragma}`).get()![pragma]);
}

/** Whether another runner holds the file. */
export function isHeld(error: unknown): boolean {
  return error instanceof Error && /database is locked/.test(error.message);
}

/** Whether the file itself is the trouble, so that a new one helps. */
export function isBroken(error: unknown): boolean {
  return error instanceof Error && /malformed|not a database|of another|of run records of this/.test(error.message);
}
