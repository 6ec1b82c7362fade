import type { ChangingTable, Database } from "./database.ts";

type Parameter = string | number | Uint8Array;

/** A statement with its parameters. */
type Change = [sql: string, ...parameters: Parameter[]];

export interface StoredExchange {
  name: string;
  type: string;
  autoDelete: boolean;
  internal: boolean;
  /** The encoded table. */
  arguments: Uint8Array;
}

export interface StoredQueue {
  id: number;
  name: string;
  autoDelete: boolean;
  arguments: Uint8Array;
  /** The last delivered position of each lane. Valid only after a clean stop. */
  delivered: number[];
}

export interface StoredBinding {
  source: string;
  kind: "queue" | "exchange";
  destination: string;
  key: string;
  arguments: Uint8Array;
}

const utf8 = new TextDecoder();

/** Names are read as bytes, since SQLite would cut a text at a zero byte. */
function text(value: unknown): string {
  return utf8.decode(value as Uint8Array);
}

/**
 * Durable exchanges and queues, and the bindings between them. Changes wait for a commit, and stay pending if it fails.
 * A caller that answers a client must commit first.
 */
export class Definitions implements ChangingTable {
  readonly #database: Database;
  #waiting: Change[] = [];
  #written: Change[] = [];
  #lastQueue: number;

  constructor(database: Database) {
    this.#database = database;
    const last = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'queues'").get();
    this.#lastQueue = last ? last.seq as number : 0;
  }

  /** Whether some changes are not on disk yet. */
  get waiting(): boolean {
    return this.#waiting.length > 0 || this.#written.length > 0;
  }

  write(): void {
    const changes = this.#waiting;
    this.#waiting = [];
    this.#written.push(...changes);
    for (const [sql, ...parameters] of changes) this.#database.run(sql, ...parameters);
  }

  committed(): void {
    this.#written = [];
  }

  rolledBack(): void {
    this.#waiting = [...this.#written, ...this.#waiting];
    this.#written = [];
  }

  #change(...change: Change): void {
    this.#waiting.push(change);
    this.#database.changed(this, 0);
  }

  exchanges(): StoredExchange[] {
    return this.#database.prepare("SELECT CAST(name AS BLOB) AS name, definition, arguments FROM exchanges").all().map((
      row,
    ) => ({
      ...JSON.parse(row.definition as string),
      name: text(row.name),
      arguments: row.arguments as Uint8Array,
    }));
  }

  queues(): StoredQueue[] {
    return this.#database.prepare("SELECT id, CAST(name AS BLOB) AS name, definition, arguments, delivered FROM queues")
      .all().map((row) => ({
        ...JSON.parse(row.definition as string),
        id: row.id as number,
        name: text(row.name),
        arguments: row.arguments as Uint8Array,
        delivered: JSON.parse(row.delivered as string),
      }));
  }

  bindings(): StoredBinding[] {
    const blobs = ["source", "destination", "key"].map((name) => `CAST(${name} AS BLOB) AS ${name}`);
    return this.#database.prepare(`SELECT kind, arguments, ${blobs} FROM bindings`).all().map((row) => ({
      source: text(row.source),
      kind: row.kind as StoredBinding["kind"],
      destination: text(row.destination),
      key: text(row.key),
      arguments: row.arguments as Uint8Array,
    }));
  }

  addExchange({ name, type, autoDelete, internal, arguments: args }: StoredExchange): void {
    const definition = JSON.stringify({ type, autoDelete, internal });
    this.#change("INSERT INTO exchanges VALUES (?, ?, ?)", name, definition, args);
  }

  removeExchange(name: string): void {
    this.#change("DELETE FROM exchanges WHERE name = ?", name);
  }

  /** Returns the number of the queue's table. Numbers are never reused. */
  addQueue({ name, autoDelete, arguments: args }: Omit<StoredQueue, "id" | "delivered">): number {
    const id = ++this.#lastQueue;
    this.#change(
      "INSERT INTO queues (id, name, definition, arguments) VALUES (?, ?, ?, ?)",
      id,
      name,
      JSON.stringify({ autoDelete }),
      args,
    );
    return id;
  }

  removeQueue(id: number): void {
    this.#change("DELETE FROM queues WHERE id = ?", id);
  }

  noteDelivered(id: number, delivered: readonly number[]): void {
    this.#change("UPDATE queues SET delivered = ? WHERE id = ?", JSON.stringify(delivered), id);
  }

  addBinding({ source, kind, destination, key, arguments: args }: StoredBinding): void {
    this.#change("INSERT OR IGNORE INTO bindings VALUES (?, ?, ?, ?, ?)", source, kind, destination, key, args);
  }

  removeBinding({ source, kind, destination, key, arguments: args }: StoredBinding): void {
    this.#change(
      "DELETE FROM bindings WHERE source = ? AND kind = ? AND destination = ? AND key = ? AND arguments = ?",
      source,
      kind,
      destination,
      key,
      args,
    );
  }

  /** Whether the last stop was clean. */
  get clean(): boolean {
    return (this.#database.prepare("SELECT value FROM state WHERE name = 'clean'").get() as { value: number }).value ===
      1;
  }

  set clean(clean: boolean) {
    this.#change("UPDATE state SET value = ? WHERE name = 'clean'", clean ? 1 : 0);
  }
}
