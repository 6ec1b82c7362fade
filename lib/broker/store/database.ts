import type { DatabaseSync, StatementSync } from "node:sqlite";

export interface DatabaseOptions {
  /** Called when something waits for a commit. @default nothing */
  onChange?: () => void;
  /** Called with everything written, right before it lasts; what it throws fails the commit. @default nothing */
  beforeCommit?: () => void;
  /** Whether each flush is a commit: nothing of it needs to last, and nothing need wait. @default false */
  passing?: boolean;
  /** Bytes that wait before they are written without waiting for a commit: they are in memory until then. @default 4 MB */
  flushBytes?: number;
}

/** A table whose changes wait for a transaction. */
export interface ChangingTable {
  /** Writes what waits into the open transaction. */
  write(): void;
  committed(): void;
  /** The transaction is gone: what was in it waits again. */
  rolledBack(): void;
}

/**
 * One SQLite file with tables of messages. Changes wait in their tables; `flush()` writes them into a
 * transaction, `commit()` makes that last.
 */
export class Database {
  readonly #sqlite: DatabaseSync;
  readonly #changed = new Set<ChangingTable>();
  readonly #inTransaction = new Set<ChangingTable>();
  readonly #onChange: () => void;
  readonly #beforeCommit: () => void;
  readonly #passing: boolean;
  readonly #flushBytes: number;
  #waitingBytes = 0;
  #open = false;

  constructor(sqlite: DatabaseSync, { onChange, beforeCommit, passing, flushBytes }: DatabaseOptions = {}) {
    this.#sqlite = sqlite;
    this.#onChange = onChange ?? (() => {});
    this.#beforeCommit = beforeCommit ?? (() => {});
    this.#passing = passing ?? false;
    this.#flushBytes = flushBytes ?? 4 * 1024 * 1024;
  }

  /** Whether a commit has anything to do. */
  get dirty(): boolean {
    return this.#open || this.#changed.size > 0;
  }

  /** A table has a change that waits, and keeps so many bytes of memory until it is written. */
  changed(table: ChangingTable, bytes: number): void {
    if (this.#changed.size === 0) this.#onChange();
    this.#changed.add(table);
    this.#waitingBytes += bytes;
    if (this.#waitingBytes <= this.#flushBytes) return;
    try {
      this.flush();
    } catch {
      // Whoever makes a change is not to blame for the disk: it waits, and the next commit says why.
    }
  }

  hasTable(name: string): boolean {
    return this.#sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !==
      undefined;
  }

  prepare(sql: string): StatementSync {
    return this.#sqlite.prepare(sql);
  }

  /** Runs one statement in the open transaction. */
  execute(sql: string): void {
    this.#begin();
    this.#sqlite.exec(sql);
  }

  /** Runs one statement with parameters in the open transaction. */
  run(sql: string, ...parameters: (string | number | bigint | Uint8Array | null)[]): void {
    this.#begin();
    this.#sqlite.prepare(sql).run(...parameters);
  }

  flush(): void {
    if (this.#changed.size === 0) return;
    this.#begin();
    this.#waitingBytes = 0;
    try {
      for (const table of this.#changed) {
        this.#inTransaction.add(table);
        table.write();
      }
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    this.#changed.clear();
    if (this.#passing) this.#end();
  }

  /** @throws what SQLite throws: the disk is full, the file is damaged. Nothing is lost then; it can be tried again. */
  commit(): void {
    this.flush();
    if (this.#open) this.#end();
  }

  #end(): void {
    try {
      this.#beforeCommit();
      this.#sqlite.exec("COMMIT");
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    this.#open = false;
    for (const table of this.#inTransaction) table.committed();
    this.#inTransaction.clear();
  }

  close(): void {
    this.#sqlite.close();
  }

  #begin(): void {
    // SQLite ends a transaction by itself where a statement finds the disk full.
    if (this.#open && !this.#sqlite.isTransaction) this.#rollBack();
    if (this.#open) return;
    this.#sqlite.exec("BEGIN IMMEDIATE");
    this.#open = true;
  }

  #rollBack(): void {
    if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
    this.#open = false;
    for (const table of this.#inTransaction) {
      table.rolledBack();
      this.#changed.add(table);
    }
    this.#inTransaction.clear();
  }
}
