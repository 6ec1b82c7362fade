import { dirname, resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Backoff, delay } from "../base/time/backoff.ts";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Kept, OnceClaim, OnceStore } from "../invocation/once_store.ts";

const APPLICATION_ID = 0x57_4f_4e_43; // "WONC"
const VERSION = 1;
/** Milliseconds that SQLite itself waits for another runner's commit. That blocks this runner. */
const BUSY_WAIT = 20;
/** Milliseconds after which a file that stays locked is an error. */
const PATIENCE = 5_000;
/** Milliseconds between removals of expired keys, and how many are removed at a time. */
const PURGE_EVERY = 60_000;
const PURGE_COUNT = 500;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS once (
    key TEXT PRIMARY KEY,
    -- Who holds it; nobody where it is done.
    owner TEXT,
    value TEXT,
    -- Milliseconds since the epoch: the end of the lease, or of what is kept.
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS once_until ON once (until);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};`;

interface Row {
  owner: string | null;
  value: string | null;
  until: number;
}

/** A call that waits for this turn's transaction. */
interface Waiting {
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface SqliteStoreOptions {
  /** Milliseconds since the epoch. @default Date.now */
  now?: () => number;
}

/**
 * Stores keys in one SQLite file, for all runners of a machine. Resolved calls are on disk: write-ahead log,
 * `synchronous = FULL`. All calls in one turn of the event loop share a transaction.
 */
export class SqliteStore implements OnceStore {
  readonly #path: string;
  readonly #sqlite: DatabaseSync;
  readonly #now: () => number;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #purge: StatementSync;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #purgeAt = 0;

  private constructor(path: string, sqlite: DatabaseSync, now: () => number) {
    this.#path = path;
    this.#now = now;
    this.#sqlite = sqlite;
    this.#find = this.#sqlite.prepare("SELECT owner, value, until FROM once WHERE key = ? AND until > ?");
    this.#put = this.#sqlite.prepare("INSERT OR REPLACE INTO once (key, owner, value, until) VALUES (?, ?, ?, ?)");
    this.#remove = this.#sqlite.prepare("DELETE FROM once WHERE key = ? AND owner = ?");
    this.#purge = this.#sqlite.prepare(
      `DELETE FROM once WHERE key IN (SELECT key FROM once WHERE until <= ? LIMIT ${PURGE_COUNT})`,
    );
  }

  /** @throws {WarrenError} `storage` if the file cannot be created or belongs to another program */
  static async open(path: string, options: SqliteStoreOptions = {}): Promise<SqliteStore> {
    const file = resolve(path);
    try {
      const sqlite = await patiently(() => open(file));
      return new SqliteStore(file, sqlite, options.now ?? Date.now);
    } catch (cause) {
      const why = describeError(cause);
      throw new WarrenError("storage", `"${file}" cannot store the keys of once(): ${why}; see ONCE_STORE`, { cause });
    }
  }

  claim(key: string, owner: string, lease: number): Promise<OnceClaim> {
    return this.#soon(() => {
      const now = this.#now();
      const found = this.#row(key, now);
      if (!found) this.#put.run(key, owner, null, now + Math.ceil(lease));
      if (!found) return { kind: "claimed" };
      if (found.owner === null) return { kind: "done", value: found.value ?? undefined };
      return { kind: "held", for: found.until - now };
    });
  }

  done(key: string, _owner: string, value: string | undefined, keep: number): Promise<Kept> {
    return this.#soon(() => {
      const now = this.#now();
      const found = this.#row(key, now);
      if (found?.owner === null) return { value: found.value ?? undefined };
      this.#put.run(key, null, value ?? null, now + Math.ceil(keep));
      return { value };
    });
  }

  release(key: string, owner: string): Promise<void> {
    return this.#soon(() => void this.#remove.run(key, owner));
  }

  async close(): Promise<void> {
    await this.#flushing;
    this.#sqlite.close();
  }

  #row(key: string, now: number): Row | undefined {
    return this.#find.get(key, now) as Row | undefined;
  }

  /** Runs in one transaction with all other calls of this turn. */
  #soon<T>(run: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ run, resolve: (value) => resolve(value as T), reject });
    this.#flushing ??= this.#flush();
    return promise;
  }

  async #flush(): Promise<void> {
    await new Promise((go) => setImmediate(go));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const results = await patiently(() => this.#transact(batch));
        for (const [index, { resolve }] of batch.entries()) resolve(results[index]);
      } catch (cause) {
        const error = new WarrenError("storage", `"${this.#path}": ${describeError(cause)}`, { cause });
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn, since a caller may call again before a promise callback runs.
    this.#flushing = undefined;
  }

  /** Runs all calls, or none. */
  #transact(batch: readonly Waiting[]): unknown[] {
    try {
      this.#sqlite.exec("BEGIN IMMEDIATE");
      const results = batch.map(({ run }) => run());
      this.#purgeSometimes();
      this.#sqlite.exec("COMMIT");
      return results;
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
      throw error;
    }
  }

  #purgeSometimes(): void {
    const now = this.#now();
    if (now < this.#purgeAt) return;
    const { changes } = this.#purge.run(now);
    if (changes < PURGE_COUNT) this.#purgeAt = now + PURGE_EVERY;
  }
}

/** Tries again while another runner has locked the file. */
async function patiently<T>(work: () => T): Promise<T> {
  const backoff = new Backoff({ initial: 5, max: 100 });
  for (const began = performance.now();;) {
    try {
      return work();
    } catch (error) {
      if (!/locked|busy/i.test(describeError(error)) || performance.now() - began > PATIENCE) throw error;
    }
    await delay(backoff.next());
  }
}

function open(path: string): DatabaseSync {
  Deno.mkdirSync(dirname(path), { recursive: true });
  const sqlite = new DatabaseSync(path);
  try {
    sqlite.exec(`PRAGMA busy_timeout = ${BUSY_WAIT}`);
    assertOurs(sqlite);
    sqlite.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

function assertOurs(sqlite: DatabaseSync): void {
  const read = (name: string) => Object.values(sqlite.prepare(`PRAGMA ${name}`).get()!)[0];
  const empty = sqlite.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()!.tables === 0;
  if (!empty && read("application_id") !== APPLICATION_ID) throw new Error("the file is another program's");
  if (Number(read("user_version")) > VERSION) throw new Error("the file is of a newer version");
}
