import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { Definitions } from "./definitions.ts";
import { removeIfThere } from "./files.ts";
import { MessageTable } from "./message_table.ts";
import { openDatabase } from "./open.ts";
import { Segments } from "./segments.ts";

/** Milliseconds that removals wait to be committed together. A crash before that only causes redeliveries. */
const LAZY = 10;
/** Milliseconds until a failed commit is tried again. */
const RETRY = 500;

/**
 * The broker's disk: data that must survive a restart, and data that does not fit into memory. One commit covers all
 * pending changes, so many confirms cost one write.
 */
export class Store {
  readonly folder: string;
  readonly definitions: Definitions;
  /** Whether the previous broker stopped cleanly. */
  readonly wasClean: boolean;
  readonly #durable: Database;
  readonly #segments: Segments;
  readonly #spill: Database;
  readonly #log: Logger;
  #spillTables = 0;
  #waiting: (() => void)[] = [];
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #lazy: ReturnType<typeof setTimeout> | undefined;
  #problem: string | undefined;
  #commits = 0;

  /** Called with the error when commits begin to fail, and with `undefined` when they work again. */
  onProblem: (problem: string | undefined) => void = () => {};

  /** @throws {WarrenError} `storage` */
  constructor(folder: string, log: Logger, { flushBytes }: Pick<DatabaseOptions, "flushBytes"> = {}) {
    this.folder = resolve(folder);
    this.#log = log;
    const sqlite = openDatabase(folder);
    this.#segments = new Segments(join(folder, "segments"));
    this.#durable = new Database(sqlite, {
      onChange: () => this.#commitLater(),
      beforeCommit: () => this.#segments.sync(),
      flushBytes,
    });
    this.#spill = new Database(openSpill(join(folder, "spill.db")), { passing: true, flushBytes });
    this.definitions = new Definitions(this.#durable);
    this.wasClean = this.definitions.clean;
    this.definitions.clean = false;
    this.#durable.commit();
  }

  durableTable(id: number): MessageTable {
    return new MessageTable(this.#durable, id, this.#segments);
  }

  spillTable(): MessageTable {
    return new MessageTable(this.#spill, ++this.#spillTables);
  }

  /** Deletes segment files without references. Called after all queues have registered theirs. */
  sweep(): void {
    this.#segments.sweep();
  }

  /** Calls back once all changes so far are on disk. The commit happens at the end of this turn of the event loop. */
  afterCommit(callback: () => void): void {
    this.#waiting.push(callback);
    this.#immediate ??= setImmediate(() => this.#commit());
  }

  /** The number of commits. Changes are durable once it has increased. */
  get commits(): number {
    return this.#commits;
  }

  /** Commits now. If the disk refuses, the changes stay pending and this throws. */
  commitNow(): void {
    this.#durable.commit();
    this.#commits++;
  }

  /** Commits and closes. */
  close(): void {
    try {
      this.definitions.clean = true;
      this.#durable.commit();
    } finally {
      this.abandon();
    }
  }

  /** Closes without committing, for data that could not be read. */
  abandon(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#lazy);
    this.#durable.close();
    this.#segments.close();
    this.#spill.close();
  }

  #commitLater(): void {
    this.#lazy ??= setTimeout(() => this.#commit(), LAZY);
  }

  #commit(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#lazy);
    this.#immediate = this.#lazy = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      if (this.#durable.dirty) this.#durable.commit();
      this.#commits++;
    } catch (error) {
      this.#waiting = [...waiting, ...this.#waiting];
      this.#failed(describeError(error));
      return;
    }
    if (this.#problem !== undefined) {
      this.#problem = undefined;
      this.#log.info("the disk accepts the broker's data again");
      this.onProblem(undefined);
    }
    for (const callback of waiting) callback();
  }

  #failed(problem: string): void {
    if (this.#problem === undefined) {
      this.#log.error(`the disk does not accept the broker's data: ${problem}; publishers wait until it does`);
      this.#problem = problem;
      this.onProblem(problem);
    }
    this.#lazy = setTimeout(() => this.#commit(), RETRY);
  }
}

/** This data is needed only while the broker runs, so it is never synced to disk. */
function openSpill(path: string): DatabaseSync {
  for (const leftover of [path, `${path}-journal`]) removeIfThere(leftover);
  const sqlite = new DatabaseSync(path);
  sqlite.exec(
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000",
  );
  return sqlite;
}
