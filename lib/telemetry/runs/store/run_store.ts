import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ErrorGroup, Run, RunLine, RunQuery, RunSummary } from "../../../invocation/insight/run.ts";
import { errorKind } from "./error_group.ts";
import { firstIdAt, timeOfId } from "../run_id.ts";
import { conditionOf, limitOf, mentions } from "./run_query.ts";
import { toSummary } from "../run_record.ts";

export interface RunStoreOptions {
  /** How many runs are kept. Successes and failures have half of them each, if both need it. */
  keep: number;
  /** Milliseconds that a run is kept. */
  age: number;
  /** @default Date.now */
  now?: () => number;
}

/** Runs that were found, and from when on all are still there. */
export interface FoundRuns<T> {
  readonly items: readonly T[];
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Groups of failures in one answer, and the ids of runs in a group. */
const MAX_GROUPS = 200;
const SAMPLES = 5;
/** Runs that are looked through for lines of a log. */
const RUNS_OF_LOG = 500;
/** Rows over the limit that are deleted at a time: more at a time is less often. */
const SLACK = 1.02;

type Row = Record<string, string | number | null>;

/** The records of runs in one SQLite file. All of it waits for the disk, so that it has a thread of its own. */
export class RunStore {
  readonly #sqlite: DatabaseSync;
  readonly #keep: number;
  readonly #age: number;
  readonly #now: () => number;
  readonly #insert: StatementSync;
  /** How many successes there are, and how many failures. */
  readonly #counts: [completed: number, failed: number];

  constructor(sqlite: DatabaseSync, { keep, age, now = Date.now }: RunStoreOptions) {
    this.#sqlite = sqlite;
    this.#keep = keep;
    this.#age = age;
    this.#now = now;
    this.#insert = sqlite.prepare(
      `INSERT OR IGNORE INTO run
        (id, function, failed, outcome, message_id, parent_id, trace_id, error_key, summary, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const count = (failed: number) =>
      Number(sqlite.prepare("SELECT count(*) AS count FROM run WHERE failed = ?").get(failed)!.count);
    this.#counts = [count(0), count(1)];
  }

  /** All of them or none. Makes room first for what is beyond the limits. */
  insert(runs: readonly Run[]): void {
    const counts = [...this.#counts];
    this.#sqlite.exec("BEGIN");
    try {
      for (const run of runs) counts[run.outcome === "completed" ? 0 : 1] += this.#insertOne(run);
      [this.#counts[0], this.#counts[1]] = counts;
      this.#sqlite.exec("COMMIT");
    } catch (error) {
      // Where the disk is full, SQLite has rolled back already.
      if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
      throw error;
    }
    this.prune();
  }

  #insertOne(run: Run): number {
    const { id, outcome, messageId, parentId, traceId, stack } = run;
    const summary = toSummary(run);
    const detail = Object.fromEntries(Object.entries(run).filter(([name]) => !Object.hasOwn(summary, name)));
    const failed = outcome === "completed" ? 0 : 1;
    const key = failed === 1 ? errorKind(run, stack).key : null;
    const texts = [JSON.stringify(summary), JSON.stringify(detail)];
    const ids = [messageId ?? null, parentId ?? null, traceId ?? null, key];
    return Number(this.#insert.run(id, run.function, failed, outcome, ...ids, ...texts).changes);
  }

  /** Deletes what is too old, and the oldest of what is too much. */
  prune(): void {
    const old = this.#sqlite.prepare("DELETE FROM run WHERE failed = ? AND id < ?");
    for (const failed of [0, 1]) this.#counts[failed] -= Number(old.run(failed, firstIdAt(this.#oldest)).changes);
    const [completed, failures] = this.#counts;
    if (completed + failures <= this.#keep * SLACK) return;
    const half = Math.floor(this.#keep / 2);
    const keepFailures = Math.min(failures, Math.max(half, this.#keep - completed));
    this.#deleteOldest(0, completed - (this.#keep - keepFailures));
    this.#deleteOldest(1, failures - keepFailures);
  }

  #deleteOldest(failed: 0 | 1, count: number): void {
    if (count <= 0) return;
    const sql = "DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE failed = ? ORDER BY id LIMIT ?)";
    this.#counts[failed] -= Number(this.#sqlite.prepare(sql).run(failed, count).changes);
  }

  /** The time from which on runs of a kind are all there. */
  #since(failedOnly: boolean): number {
    const { id } = this.#sqlite.prepare("SELECT min(id) AS id FROM run WHERE failed = ?").get(failedOnly ? 1 : 0)!;
    const [completed, failures] = this.#counts;
    const full = completed + failures >= this.#keep;
    return full && typeof id === "string" ? timeOfId(id) : this.#oldest;
  }

  get #oldest(): number {
    return this.#now() - this.#age;
  }

  /** Newest first. */
  runs(query: RunQuery): FoundRuns<RunSummary> {
    const { sql, values } = conditionOf(query);
    const limit = limitOf(query);
    const { text } = query;
    const columns = text === undefined ? "summary" : "summary, detail";
    const statement = this.#sqlite.prepare(`SELECT ${columns} FROM run WHERE ${sql} ORDER BY id DESC`);
    const items: RunSummary[] = [];
    for (const row of statement.iterate(...values) as Iterable<Row>) {
      const summary: RunSummary = JSON.parse(String(row.summary));
      if (text !== undefined && !mentions({ ...summary, ...JSON.parse(String(row.detail)) }, text)) continue;
      if (items.push(summary) >= limit) break;
    }
    return { items, since: Math.max(this.#since(onlyFailures(query)), query.since ?? 0) };
  }

  run(id: string): Run | undefined {
    const row = this.#sqlite.prepare("SELECT summary, detail FROM run WHERE id = ?").get(id) as Row | undefined;
    return row && { ...JSON.parse(String(row.summary)), ...JSON.parse(String(row.detail)) };
  }

  /** Runs of one message id, or those of the messages that it gave rise to; oldest first. */
  related(column: "message" | "parent", messageId: string, limit: number): RunSummary[] {
    const sql = column === "message" ? "message_id = ?" : "parent_id = ?";
    const statement = this.#sqlite.prepare(`SELECT summary FROM run WHERE ${sql} ORDER BY id LIMIT ?`);
    return (statement.all(messageId, limit) as Row[]).map(({ summary }) => JSON.parse(String(summary)));
  }

  /** Failures of a function, or of all, in groups of the same kind, those that failed last first. */
  errors(name?: string): FoundRuns<ErrorGroup> {
    const statement = this.#sqlite.prepare(
      `SELECT function, error_key AS key, count(*) AS count, min(id) AS first, max(id) AS last FROM run
        WHERE error_key IS NOT NULL ${name === undefined ? "" : "AND function = ?"}
        GROUP BY function, error_key ORDER BY last DESC LIMIT ${MAX_GROUPS}`,
    );
    const rows = (name === undefined ? statement.all() : statement.all(name)) as Row[];
    return { items: rows.map((row) => this.#group(row)), since: this.#since(true) };
  }

  #group({ function: name, key, count, first, last }: Row): ErrorGroup {
    const { stack, error, ...run } = this.run(String(last))!;
    const { message, frame } = errorKind({ ...run, error }, stack);
    const samples = this.#sqlite.prepare(
      `SELECT id FROM run WHERE function = ? AND error_key = ? ORDER BY id DESC LIMIT ${SAMPLES}`,
    ).all(name, key) as Row[];
    return {
      key: String(key),
      function: String(name),
      type: error?.type ?? run.outcome,
      message,
      frame,
      count: Number(count),
      firstSeen: timeOfId(String(first)),
      lastSeen: timeOfId(String(last)),
      samples: samples.map(({ id }) => String(id)),
    };
  }

  /** The newest lines that handlers logged, oldest first. */
  lines({ function: name, limit = 100 }: { function?: string; limit?: number }): RunLine[] {
    const { sql, values } = conditionOf({ function: name });
    const statement = this.#sqlite.prepare(
      `SELECT summary, detail FROM run WHERE ${sql} ORDER BY id DESC LIMIT ${RUNS_OF_LOG}`,
    );
    const found: RunLine[] = [];
    for (const row of statement.iterate(...values) as Iterable<Row>) {
      if (found.length >= limit) break;
      const { id, function: of, runner, messageId }: RunSummary = JSON.parse(String(row.summary));
      const { logs }: Pick<Run, "logs"> = JSON.parse(String(row.detail));
      for (const line of logs) found.push({ runId: id, function: of, runner, messageId, line });
    }
    return found.sort((a, b) => a.line.time - b.line.time).slice(-limit);
  }

  /** Takes over all records of another file. */
  adopt(path: string): void {
    this.#sqlite.prepare("ATTACH DATABASE ? AS other").run(path);
    try {
      const columns = "id, function, failed, outcome, message_id, parent_id, trace_id, error_key, summary, detail";
      this.#sqlite.exec(`INSERT OR IGNORE INTO main.run (${columns}) SELECT ${columns} FROM other.run`);
    } finally {
      this.#sqlite.exec("DETACH DATABASE other");
    }
    for (const failed of [0, 1] as const) {
      const { count } = this.#sqlite.prepare("SELECT count(*) AS count FROM run WHERE failed = ?").get(failed)!;
      this.#counts[failed] = Number(count);
    }
    this.prune();
  }

  close(): void {
    this.#sqlite.close();
  }
}

function onlyFailures({ failed, outcome }: RunQuery): boolean {
  return failed === true || (outcome !== undefined && outcome !== "completed");
}
