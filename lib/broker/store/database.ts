import type { DatabaseSync, StatementSync } from "node:sqlite";

export interface DatabaseOptions {
  /** Called when changes wait for a commit. @default nothing */
  onChange?: () => void;
  /** Called after the writes and before the commit. If it throws, the commit fails. @default nothing */
  beforeCommit?: () => void;
  /** If true, each flush is a commit, since the data need not be durable. @default false */
  passing?: boolean;
  /** Bytes that may wait in memory. More are written before the next commit. @default 4 MB */
  flushBytes?: number;
}

/** A table that collects changes for a transaction. */
export interface ChangingTable {
  /** Writes the pending changes into the open transaction. */
  write(): void;
  committed(): void;
  /** The transaction failed, so its changes are pending again. */
  rolledBack(): void;
}

/**
 * One SQLite file with message tables. Changes are collected in the tables. `flush()` writes them into a transaction,
 * and `commit()` makes it durable.
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

  /** Whether there is anything to commit. */
  get dirty(): boolean {
    return this.#open || this.#changed.size > 0;
  }

  /** Reports a pending change of a table, and how many bytes of memory it keeps until it is written. */
  changed(table: ChangingTable, bytes: number): void {
    if (this.#changed.size === 0) this.#onChange();
    this.#changed.add(table);
    this.#waitingBytes += bytes;
    if (this.#waitingBytes <= this.#flushBytes) return;
    try {
      this.flush();
    } catch {
      // The caller of a change does not get disk errors: the change stays pending, and the next commit reports them.
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

  /** @throws SQLite's error: the disk is full, the file is damaged. Nothing is lost, and it can be tried again */
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
    // SQLite ends a transaction itself if the disk is full.
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
