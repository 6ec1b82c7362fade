import type { Database } from "./database.ts";

export interface StoredExchange {
  name: string;
  type: string;
  autoDelete: boolean;
  internal: boolean;
  /** An encoded table. */
  arguments: Uint8Array;
}

export interface StoredQueue {
  id: number;
  name: string;
  autoDelete: boolean;
  arguments: Uint8Array;
  /** The last position that was delivered, of each lane; true only after a clean stop. */
  delivered: number[];
}

export interface StoredBinding {
  source: string;
  kind: "queue" | "exchange";
  destination: string;
  key: string;
  arguments: Uint8Array;
}

/**
 * Durable exchanges, queues and the bindings between them. Each change is in the open transaction; a caller
 * that promises something commits it.
 */
export class Definitions {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  exchanges(): StoredExchange[] {
    return this.#database.prepare("SELECT * FROM exchanges").all().map((row) => ({
      ...JSON.parse(row.definition as string),
      name: row.name as string,
      arguments: row.arguments as Uint8Array,
    }));
  }

  queues(): StoredQueue[] {
    return this.#database.prepare("SELECT * FROM queues").all().map((row) => ({
      ...JSON.parse(row.definition as string),
      id: row.id as number,
      name: row.name as string,
      arguments: row.arguments as Uint8Array,
      delivered: JSON.parse(row.delivered as string),
    }));
  }

  bindings(): StoredBinding[] {
    return this.#database.prepare("SELECT * FROM bindings").all() as unknown as StoredBinding[];
  }

  addExchange({ name, type, autoDelete, internal, arguments: args }: StoredExchange): void {
    const definition = JSON.stringify({ type, autoDelete, internal });
    this.#database.run("INSERT INTO exchanges VALUES (?, ?, ?)", name, definition, args);
  }

  removeExchange(name: string): void {
    this.#database.run("DELETE FROM exchanges WHERE name = ?", name);
  }

  /** Gives the number that names the queue's table; no later queue gets it again. */
  addQueue({ name, autoDelete, arguments: args }: Omit<StoredQueue, "id" | "delivered">): number {
    const definition = JSON.stringify({ autoDelete });
    this.#database.run("INSERT INTO queues (name, definition, arguments) VALUES (?, ?, ?)", name, definition, args);
    return (this.#database.prepare("SELECT id FROM queues WHERE name = ?").get(name) as { id: number }).id;
  }

  removeQueue(id: number): void {
    this.#database.run("DELETE FROM queues WHERE id = ?", id);
  }

  noteDelivered(id: number, delivered: readonly number[]): void {
    this.#database.run("UPDATE queues SET delivered = ? WHERE id = ?", JSON.stringify(delivered), id);
  }

  addBinding({ source, kind, destination, key, arguments: args }: StoredBinding): void {
    this.#database.run("INSERT OR IGNORE INTO bindings VALUES (?, ?, ?, ?, ?)", source, kind, destination, key, args);
  }

  removeBinding({ source, kind, destination, key, arguments: args }: StoredBinding): void {
    this.#database.run(
      "DELETE FROM bindings WHERE source = ? AND kind = ? AND destination = ? AND key = ? AND arguments = ?",
      source,
      kind,
      destination,
      key,
      args,
    );
  }

  /** Whether the last stop was a clean one. */
  get clean(): boolean {
    return (this.#database.prepare("SELECT value FROM state WHERE name = 'clean'").get() as { value: number }).value ===
      1;
  }

  set clean(clean: boolean) {
    this.#database.run("UPDATE state SET value = ? WHERE name = 'clean'", clean ? 1 : 0);
  }
}
