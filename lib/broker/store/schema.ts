import type { DatabaseSync } from "node:sqlite";

/** `WRRN`, stored in SQLite's application id. */
export const APPLICATION_ID = 0x5752524e;

/**
 * The migrations from each version to the next. Each queue's messages have a table of their own, created with the first
 * message: see message_table.ts.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO state VALUES ('clean', 1);
   CREATE TABLE exchanges (name TEXT PRIMARY KEY, definition TEXT NOT NULL, arguments BLOB NOT NULL) WITHOUT ROWID;
   CREATE TABLE queues (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL,
     arguments BLOB NOT NULL, delivered TEXT NOT NULL DEFAULT '[]');
   CREATE TABLE bindings (source TEXT NOT NULL, kind TEXT NOT NULL, destination TEXT NOT NULL, key TEXT NOT NULL,
     arguments BLOB NOT NULL, PRIMARY KEY (source, kind, destination, key, arguments)) WITHOUT ROWID;`,
];

export const VERSION = MIGRATIONS.length;

export function userVersion(sqlite: DatabaseSync): number {
  return (sqlite.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;
}

/** Migrates the file to this program's version, in one transaction. */
export function migrate(sqlite: DatabaseSync): void {
  const from = userVersion(sqlite);
  if (from === VERSION) return;
  sqlite.exec("BEGIN IMMEDIATE");
  for (const step of MIGRATIONS.slice(from)) sqlite.exec(step);
  sqlite.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION}; COMMIT`);
}
