import type { StatementSync } from "node:sqlite";
import { Entry, STORED } from "../queue/entry.ts";
import { Address, Message, weightOf } from "../queue/message.ts";
import type { ChangingTable, Database } from "./database.ts";
import type { Location, Segments } from "./segments.ts";

/**
 * The schema of one queue's messages. `header` is the size of the content header, with which the content begins. The
 * content is either in the row, or is `size` bytes of a segment from `place` on.
 */
const COLUMNS =
  "position INTEGER PRIMARY KEY, address BLOB NOT NULL, expires INTEGER NOT NULL, returns INTEGER NOT NULL, " +
  "header INTEGER NOT NULL, size INTEGER NOT NULL, segment INTEGER NOT NULL, place INTEGER NOT NULL, content BLOB";
/**
 * Contents of at least this many bytes are stored in segments, which are one more file to sync at each commit. A small
 * message with the headers of a retry is still below this.
 */
const SEGMENT_FROM = 1_024;

/** Limits of a page. It ends at the first limit that is reached, but has at least one message if there is any. */
export interface PageSize {
  entries: number;
  /** Bytes of memory, including all overhead of a message. */
  bytes: number;
}

/** Consecutive entries of a table. */
export interface Page {
  entries: Entry[];
  /** All entries up to this position are in this page or were in earlier ones. */
  reached: number;
}

interface Row extends Location {
  position: number;
  address: Uint8Array;
  expires: number;
  returns: number;
  header: number;
  content: Uint8Array | null;
}

interface Changes {
  added: Entry[];
  removed: Entry[];
  returned: Entry[];
  /** References to segments that end with the transaction. */
  released: Map<number, number>;
  /** Whether the whole table was emptied before these changes. */
  dropped: boolean;
}

/**
 * The messages of one queue in one database. Additions and removals wait for the next flush, so an entry that is
 * removed before it never touches the disk.
 */
export class MessageTable implements ChangingTable {
  readonly #database: Database;
  readonly #segments: Segments | undefined;
  readonly #name: string;
  #exists: boolean;
  /** Whether there are rows that the next write removes and that must not be visible. */
  #dropping = false;
  #waiting = noChanges();
  /** The changes in the open transaction, in case it fails. */
  #written: Changes[] = [];
  readonly #statements = new Map<string, StatementSync>();
  #lastAddress: Address | undefined;

  /** Without `segments` all contents are stored in rows. */
  constructor(database: Database, id: number, segments?: Segments) {
    this.#database = database;
    this.#segments = segments;
    this.#name = `messages_${id}`;
    this.#exists = database.hasTable(this.#name);
  }

  add(entry: Entry): void {
    entry.stored = STORED.soon;
    this.#waiting.added.push(entry);
    this.#database.changed(this, entry.message!.weight);
  }

  remove(entry: Entry): void {
    // Not written yet, so the flush skips it.
    if (entry.stored === STORED.soon) entry.stored = STORED.no;
    else if (entry.stored !== STORED.no) {
      entry.stored = STORED.no;
      this.#waiting.removed.push(entry);
      this.#database.changed(this, entry.message?.weight ?? weightOf(0, 0));
    }
  }

  /** Stores how often an entry was returned. */
  countReturn(entry: Entry): void {
    if (entry.stored < STORED.written) return;
    this.#waiting.returned.push(entry);
    this.#database.changed(this, entry.message?.weight ?? weightOf(0, 0));
  }

  /** The first entries with positions above `after` and below `before`. */
  read(after: number, before: number, size: PageSize): Page {
    const { rows, more } = this.#exists ? this.#rows(after, before, size) : { rows: [], more: false };
    const entries = this.#entries(rows);
    if (more) return { entries, reached: rows[rows.length - 1].position };
    // Unwritten entries come after all written ones, and are in memory anyway.
    for (const entry of this.#waiting.added) {
      const { position, stored } = entry;
      if (stored !== STORED.soon || position <= after || position >= before) continue;
      if (entries.length >= size.entries) return { entries, reached: entries[entries.length - 1].position };
      entries.push(entry);
    }
    return { entries, reached: before - 1 };
  }

  /** The rows of a page, and whether there are more. */
  #rows(after: number, before: number, size: PageSize): { rows: Row[]; more: boolean } {
    const gone = new Set(this.#waiting.removed.map(({ position }) => position));
    const statement = this.#statement("SELECT * FROM %s WHERE position > ? AND position < ? ORDER BY position");
    const rows: Row[] = [];
    let bytes = 0;
    for (const each of statement.iterate(after, before)) {
      const row = each as unknown as Row;
      if (gone.has(row.position)) continue;
      bytes += weightOf(row.size, row.address.length);
      if (rows.length > 0 && (rows.length >= size.entries || bytes > size.bytes)) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  /** The message of one committed entry. */
  fetch(position: number): Message {
    const row = this.#statement("SELECT * FROM %s WHERE position = ?").get(position) as unknown as Row | undefined;
    if (!row) throw new Error(`message ${position} of ${this.#name} is not where it was stored`);
    return this.#entries([row])[0].message!;
  }

  /** The number of entries within the bounds, and the last position. */
  measure(after: number, before: number): { count: number; last: number } {
    if (!this.#exists) return { count: 0, last: 0 };
    const row = this.#statement(
      "SELECT count(*) AS count, max(position) AS last FROM %s WHERE position > ? AND position < ?",
    ).get(after, before) as { count: number; last: number | null };
    return { count: row.count, last: row.last ?? 0 };
  }

  /** The total size of all bodies. Reads every row, so use it only if a limit needs it. */
  bodyBytes(): number {
    if (!this.#exists) return 0;
    const row = this.#statement("SELECT sum(size - header) AS bytes FROM %s").get() as { bytes: number };
    return row.bytes ?? 0;
  }

  /** Registers the segments that its rows refer to, at the broker's start. */
  claimSegments(): void {
    if (!this.#exists) return;
    for (const use of this.#uses()) this.#segments?.claim(use);
  }

  /** Removes all rows and all pending additions. */
  drop(): void {
    const { added } = this.#waiting;
    for (const entry of [...added, ...this.#written.flatMap((changes) => changes.added)]) entry.stored = STORED.no;
    this.#waiting = noChanges();
    this.#dropping ||= this.#exists;
    this.#exists = false;
    this.#database.changed(this, 0);
  }

  /** Writes the pending changes into the open transaction. */
  write(): void {
    const changes = this.#waiting;
    this.#waiting = noChanges();
    this.#written.push(changes);
    if (this.#dropping) this.#drop(changes);
    const added = changes.added.filter((entry) => entry.stored === STORED.soon);
    if (added.length > 0) this.#insert(added);
    // Messages that were delivered before a purge may be acked after it.
    if (!this.#exists) return;
    for (const [first, last] of runs(changes.removed.map(({ position }) => position))) {
      this.#statement("DELETE FROM %s WHERE position BETWEEN ? AND ?").run(first, last);
    }
    for (const { location } of changes.removed) if (location) release(changes, location.segment, 1);
    for (const entry of changes.returned) {
      if (entry.stored < STORED.written) continue;
      this.#statement("UPDATE %s SET returns = ? WHERE position = ?").run(entry.returns, entry.position);
    }
  }

  committed(): void {
    for (const { added, released } of this.#written) {
      for (const entry of added) if (entry.stored === STORED.written) entry.stored = STORED.yes;
      for (const [segment, count] of released) this.#segments?.refer(segment, -count);
    }
    this.#written = [];
  }

  /** The transaction failed, so its changes are pending again. */
  rolledBack(): void {
    const written = this.#written;
    this.#written = [];
    const added = written.flatMap((changes) => changes.added);
    for (const entry of added) this.#forget(entry);
    const again = added.filter((entry) => entry.stored !== STORED.no);
    for (const entry of again) entry.stored = STORED.soon;
    // Changes before the table was emptied are part of that.
    const drop = written.findLastIndex(({ dropped }) => dropped);
    const last = written.slice(Math.max(drop, 0));
    const known = new Set(added);
    const removed = last.flatMap((changes) => changes.removed).filter((entry) => !known.has(entry));
    this.#waiting = {
      ...noChanges(),
      added: [...again, ...this.#waiting.added],
      removed: [...removed, ...this.#waiting.removed.filter((entry) => !known.has(entry))],
      returned: [...last.flatMap((changes) => changes.returned), ...this.#waiting.returned],
    };
    this.#statements.clear();
    const exists = this.#database.hasTable(this.#name);
    this.#dropping = exists && (this.#dropping || drop >= 0);
    this.#exists = exists && !this.#dropping;
  }

  #drop(changes: Changes): void {
    changes.dropped = true;
    for (const { segment, count } of this.#uses()) release(changes, segment, count);
    this.#statements.clear();
    this.#database.execute(`DROP TABLE ${this.#name}`);
    this.#dropping = false;
  }

  /** Drops a row's reference to a segment. */
  #forget(entry: Entry): void {
    if (entry.location) this.#segments?.refer(entry.location.segment, -1);
    entry.location = undefined;
  }

  #insert(entries: readonly Entry[]): void {
    if (!this.#exists) {
      this.#database.execute(`CREATE TABLE ${this.#name} (${COLUMNS})`);
      this.#exists = true;
    }
    const insert = this.#statement("INSERT INTO %s VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const entry of entries) {
      const { position, expiresAt, returns } = entry;
      const { address, headerLength, content } = entry.message!;
      const located = this.#locate(entry);
      const [segment, place, inline] = located ? [located.segment, located.place, null] : [0, 0, content];
      insert.run(position, address.bytes, expiresAt, returns, headerLength, content.length, segment, place, inline);
      entry.stored = STORED.written;
    }
  }

  /** The location of a large content, which all queues with the message share. */
  #locate(entry: Entry): Location | undefined {
    const message = entry.message!;
    if (!this.#segments || message.content.length < SEGMENT_FROM) return undefined;
    const known = message.location;
    if (known && this.#segments.has(known.segment)) {
      this.#segments.refer(known.segment, 1);
      return entry.location = known;
    }
    return entry.location = message.location = this.#segments.append(message.content);
  }

  #uses(): { segment: number; count: number; end: number }[] {
    const sql =
      "SELECT segment, count(*) AS count, max(place + size) AS end FROM %s WHERE segment > 0 GROUP BY segment";
    return this.#statement(sql).all() as { segment: number; count: number; end: number }[];
  }

  #entries(rows: readonly Row[]): Entry[] {
    // The transaction may be rolled back, so the entry keeps track of the row.
    const known = new Map(this.#written.flatMap(({ added }) => added).map((entry) => [entry.position, entry]));
    const located = rows.filter(({ segment, position }) => segment !== 0 && !known.has(position));
    const contents = located.length > 0 ? this.#segments!.read(located) : [];
    let next = 0;
    return rows.map((row) => {
      const entry = known.get(row.position);
      if (entry) return entry;
      const inline = row.segment === 0;
      const content = inline ? row.content! : contents[next++];
      // Consecutive messages usually have the same address.
      if (!this.#lastAddress || !sameBytes(this.#lastAddress.bytes, row.address)) {
        this.#lastAddress = Address.decode(row.address);
      }
      const message = new Message(this.#lastAddress, content, row.header);
      const read = new Entry(row.position, message, message.bodySize, row.expires);
      read.returns = row.returns;
      read.stored = STORED.yes;
      if (!inline) {
        const { segment, place, size } = row;
        read.location = message.location = { segment, place, size };
      }
      return read;
    });
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

function noChanges(): Changes {
  return { added: [], removed: [], returned: [], released: new Map(), dropped: false };
}

function release({ released }: Changes, segment: number, count: number): void {
  released.set(segment, (released.get(segment) ?? 0) + count);
}

/**
 * Groups consecutive numbers into pairs of first and last. Acks usually come in order, so one statement removes many.
 */
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
