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

/** Milliseconds that removals wait for company. A crash before that costs redeliveries, and nothing else. */
const LAZY = 10;
/** Milliseconds until a commit that failed is tried again. */
const RETRY = 500;

/**
 * The broker's disk: what must outlive it, and what only has no room in memory. A commit is for everything
 * that waits at that moment, so that many confirms cost one write to the disk.
 */
export class Store {
  readonly folder: string;
  readonly definitions: Definitions;
  /** Whether the broker before this one stopped cleanly. */
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

  /** Called when commits begin to fail, with what the disk said, and with `undefined` when they work again. */
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

  /** Once all queues have claimed what they have: files of large messages that nobody has go. */
  sweep(): void {
    this.#segments.sweep();
  }

  /** Calls back once everything up to now is on disk: at the end of this turn of the event loop, with all others. */
  afterCommit(callback: () => void): void {
    this.#waiting.push(callback);
    this.#immediate ??= setImmediate(() => this.#commit());
  }

  /** How many commits there were: what was done at another number lasts. */
  get commits(): number {
    return this.#commits;
  }

  /** Commits at once. Where the disk refuses it, what waits goes on waiting, and this throws. */
  commitNow(): void {
    this.#durable.commit();
    this.#commits++;
  }

  /** The last commit, and the end. */
  close(): void {
    try {
      this.definitions.clean = true;
      this.#durable.commit();
    } finally {
      this.abandon();
    }
  }

  /** The end without a word to the disk: what it has cannot be read. */
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
      this.#log.info("the disk takes the broker's data again");
      this.onProblem(undefined);
    }
    for (const callback of waiting) callback();
  }

  #failed(problem: string): void {
    if (this.#problem === undefined) {
      this.#log.error(`the disk does not take the broker's data: ${problem}; publishers wait until it does`);
      this.#problem = problem;
      this.onProblem(problem);
    }
    this.#lazy = setTimeout(() => this.#commit(), RETRY);
  }
}

/** Lives as long as the broker: nothing in it is worth a wait for the disk. */
function openSpill(path: string): DatabaseSync {
  for (const leftover of [path, `${path}-journal`]) removeIfThere(leftover);
  const sqlite = new DatabaseSync(path);
  sqlite.exec(
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000",
  );
  return sqlite;
}
