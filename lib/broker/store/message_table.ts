import type { StatementSync } from "node:sqlite";
import { Entry, STORED } from "../entry.ts";
import { Address, Message } from "../message.ts";
import type { ChangingTable, Database } from "./database.ts";

/** The schema of one queue's messages. `header` is how many bytes of the content are its header. */
const columns =
  "position INTEGER PRIMARY KEY, address BLOB NOT NULL, header INTEGER NOT NULL, content BLOB NOT NULL, " +
  "expires INTEGER NOT NULL, returns INTEGER NOT NULL";

interface Row {
  position: number;
  address: Uint8Array;
  header: number;
  content: Uint8Array;
  expires: number;
  returns: number;
}

/**
 * The messages of one queue in one database. Additions and removals wait for the next flush, so that an
 * entry that is gone by then never touches the disk.
 */
export class MessageTable implements ChangingTable {
  readonly #database: Database;
  readonly #name: string;
  #exists: boolean;
  #added: Entry[] = [];
  #removed: number[] = [];
  #returned: Entry[] = [];
  /** What the open transaction has of the above, in case it fails. */
  #written: { added: Entry[]; removed: number[]; returned: Entry[] }[] = [];
  readonly #statements = new Map<string, StatementSync>();
  #lastAddress: Address | undefined;

  constructor(database: Database, id: number) {
    this.#database = database;
    this.#name = `messages_${id}`;
    this.#exists = database.hasTable(this.#name);
  }

  add(entry: Entry): void {
    entry.stored = STORED.soon;
    this.#added.push(entry);
    this.#database.changed(this, entry.bodySize);
  }

  remove(entry: Entry): void {
    // Not written yet: the flush will skip it.
    if (entry.stored === STORED.soon) entry.stored = STORED.no;
    else if (entry.stored !== STORED.no) {
      entry.stored = STORED.no;
      this.#removed.push(entry.position);
      this.#database.changed(this, 0);
    }
  }

  /** Takes over entries that were read: they are in memory alone from here on. */
  take(entries: readonly Entry[]): void {
    for (const entry of entries) this.remove(entry);
  }

  /** Notes how often an entry came back. */
  countReturn(entry: Entry): void {
    if (entry.stored < STORED.written) return;
    this.#returned.push(entry);
    this.#database.changed(this, 0);
  }

  /** Up to `limit` entries with positions above `after` and below `before`, in their order. */
  read(after: number, before: number, limit: number): Entry[] {
    this.#database.flush();
    if (!this.#exists) return [];
    const rows = this.#statement("SELECT * FROM %s WHERE position > ? AND position < ? ORDER BY position LIMIT ?")
      .all(after, before, limit) as unknown as Row[];
    return rows.map((row) => this.#entry(row));
  }

  /** The message of one entry. */
  fetch(position: number): Message {
    this.#database.flush();
    const row = this.#statement("SELECT * FROM %s WHERE position = ?").get(position) as unknown as Row | undefined;
    if (!row) throw new Error(`message ${position} of ${this.#name} is not where it was stored`);
    return this.#message(row);
  }

  /** How many there are within the bounds, and the last position. */
  measure(after: number, before: number): { count: number; last: number } {
    if (!this.#exists) return { count: 0, last: 0 };
    const row = this.#statement(
      "SELECT count(*) AS count, max(position) AS last FROM %s WHERE position > ? AND position < ?",
    ).get(after, before) as { count: number; last: number | null };
    return { count: row.count, last: row.last ?? 0 };
  }

  /** The bytes of all bodies: reads every row, so only where a limit needs it. */
  bodyBytes(): number {
    if (!this.#exists) return 0;
    const row = this.#statement("SELECT sum(length(content) - header) AS bytes FROM %s").get() as { bytes: number };
    return row.bytes ?? 0;
  }

  /** Removes every row, and what was to be added. */
  drop(): void {
    for (const entry of [...this.#added, ...this.#written.flatMap(({ added }) => added)]) entry.stored = STORED.no;
    this.#added = [];
    this.#removed = [];
    this.#returned = [];
    if (this.#exists) {
      this.#statements.clear();
      this.#database.execute(`DROP TABLE ${this.#name}`);
    }
    this.#exists = false;
    this.#database.changed(this, 0);
  }

  /** Writes what waits into the open transaction. */
  write(): void {
    const written = { added: this.#added, removed: this.#removed, returned: this.#returned };
    this.#added = [];
    this.#removed = [];
    this.#returned = [];
    this.#written.push(written);
    const added = written.added.filter((entry) => entry.stored === STORED.soon);
    if (added.length > 0) this.#insert(added);
    // What was delivered before a purge may be acked after it.
    for (const [first, last] of this.#exists ? runs(written.removed) : []) {
      this.#statement("DELETE FROM %s WHERE position BETWEEN ? AND ?").run(first, last);
    }
    for (const entry of written.returned) {
      if (entry.stored < STORED.written) continue;
      this.#statement("UPDATE %s SET returns = ? WHERE position = ?").run(entry.returns, entry.position);
    }
  }

  committed(): void {
    for (const { added } of this.#written) {
      for (const entry of added) if (entry.stored === STORED.written) entry.stored = STORED.yes;
    }
    this.#written = [];
  }

  /** The transaction is gone: what was in it waits again. */
  rolledBack(): void {
    for (const { added, removed, returned } of this.#written.reverse()) {
      const gone = new Set(removed);
      const again = added.filter((entry) => !gone.has(entry.position) && entry.stored !== STORED.no);
      for (const entry of again) entry.stored = STORED.soon;
      const known = new Set(added.map(({ position }) => position));
      this.#added = [...again, ...this.#added];
      this.#removed = [...removed.filter((position) => !known.has(position)), ...this.#removed];
      this.#returned = [...returned, ...this.#returned];
    }
    this.#written = [];
    this.#statements.clear();
    this.#exists = this.#database.hasTable(this.#name);
  }

  #insert(entries: readonly Entry[]): void {
    if (!this.#exists) {
      this.#database.execute(`CREATE TABLE ${this.#name} (${columns})`);
      this.#exists = true;
    }
    const insert = this.#statement("INSERT INTO %s VALUES (?, ?, ?, ?, ?, ?)");
    for (const entry of entries) {
      const { address, headerLength, content } = entry.message!;
      insert.run(entry.position, address.bytes, headerLength, content, entry.expiresAt, entry.returns);
      entry.stored = STORED.written;
    }
  }

  #entry(row: Row): Entry {
    const message = this.#message(row);
    const entry = new Entry(row.position, message, message.bodySize, row.expires);
    entry.returns = row.returns;
    entry.stored = STORED.yes;
    return entry;
  }

  #message({ address, content, header }: Row): Message {
    // Neighbours mostly have the same address.
    if (!this.#lastAddress || !sameBytes(this.#lastAddress.bytes, address)) this.#lastAddress = Address.decode(address);
    return new Message(this.#lastAddress, content, header);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql.replace("%s", this.#name));
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Neighbouring numbers as pairs of first and last: acks come mostly in order, and one statement removes many. */
export function* runs(numbers: number[]): Generator<[number, number]> {
  if (numbers.length === 0) return;
  let sorted = true;
  for (let i = 1; i < numbers.length && sorted; i++) sorted = numbers[i] > numbers[i - 1];
  const ordered = sorted ? numbers : numbers.toSorted((a, b) => a - b);
  let first = ordered[0];
  let last = first;
  for (let i = 1; i < ordered.length; i++) {
    if (ordered[i] !== last + 1) {
      yield [first, last];
      first = ordered[i];
    }
    last = ordered[i];
  }
  yield [first, last];
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
