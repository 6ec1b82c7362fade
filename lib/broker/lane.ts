import { Deque } from "./deque.ts";
import { type Entry, STORED } from "./entry.ts";
import type { MessageTable } from "./store/message_table.ts";
import { Returned } from "./returned.ts";

/** How much of a lane is kept in memory; what comes after that waits on disk alone. */
export interface Window {
  /** Entries. */
  entries: number;
  /** Bytes of their content. */
  bytes: number;
}

/** Where a lane puts what it does not keep in memory. */
export interface LaneTables {
  /** Of a durable queue: persistent messages, which are there from the start. */
  readonly durable: MessageTable | undefined;
  /** For all others, only while they wait. */
  spill(): MessageTable;
  /** The same table, if anything was ever put there. */
  spilled(): MessageTable | undefined;
  /** The window at this moment: it shrinks when memory is short. */
  window(): Window;
}

/** Entries read from disk in one go. */
const PAGE = 512;
/** Fewer than this in memory, and the next page is read. */
const LOW = 64;

/**
 * The entries of one priority in their order. The first ones are in memory; when there are too many, those
 * that follow are on disk only, and are read page by page as the first ones go. Taking the next one, adding
 * one and taking one back cost the same however many wait.
 */
export class Lane {
  readonly #tables: LaneTables;
  /** Positions of this lane are from `#floor` to below `#ceiling`. */
  readonly #ceiling: number;
  #next: number;
  readonly #head = new Deque<Entry>();
  #headBytes = 0;
  readonly #returned = new Returned();
  /** Entries that are on disk only, all of them behind `#read`. */
  #tail = 0;
  #read: number;
  #delivered: number;
  /** Up to here everything was delivered before the broker started. */
  #redelivered: number;

  constructor(tables: LaneTables, floor: number, ceiling: number) {
    this.#tables = tables;
    this.#ceiling = ceiling;
    this.#next = floor + 1;
    this.#read = floor;
    this.#delivered = floor;
    this.#redelivered = floor;
  }

  get length(): number {
    return this.#returned.length + this.#head.length + this.#tail;
  }

  /** The position for the next entry that is pushed. */
  nextPosition(): number {
    return this.#next++;
  }

  /** The last position that was taken. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Entries that a durable table has from before, up to `last`; those up to `delivered` were delivered then. */
  recover(count: number, last: number, delivered: number): void {
    this.#tail = count;
    this.#next = Math.max(this.#next, last + 1, delivered + 1);
    this.#delivered = this.#redelivered = Math.max(delivered, this.#delivered);
  }

  push(entry: Entry): void {
    const window = this.#tables.window();
    const full = this.#head.length >= window.entries || this.#headBytes >= window.bytes;
    if (this.#tail === 0 && !full) {
      this.#append(entry);
      return;
    }
    // Nothing of the tail was read yet: what is in memory ends here.
    if (this.#tail++ === 0) this.#read = entry.position - 1;
    if (entry.stored === STORED.no) this.#tables.spill().add(entry);
  }

  /** An entry that was delivered and comes back to its old place. */
  pushBack(entry: Entry): void {
    this.#returned.push(entry);
  }

  peek(): Entry | undefined {
    const returned = this.#returned.peek();
    const first = this.#first();
    return returned && (!first || returned.position < first.position) ? returned : first;
  }

  shift(): Entry | undefined {
    const entry = this.peek();
    if (entry === undefined) return undefined;
    if (entry === this.#returned.peek()) return this.#returned.shift();
    this.#headBytes -= entry.message?.content.length ?? 0;
    if (entry.position > this.#delivered) this.#delivered = entry.position;
    return this.#head.shift();
  }

  /** Forgets all entries; their rows are the caller's. */
  clear(): void {
    this.#head.clear();
    this.#returned.clear();
    this.#headBytes = this.#tail = 0;
  }

  #append(entry: Entry): void {
    this.#headBytes += entry.message?.content.length ?? 0;
    if (entry.position <= this.#redelivered) entry.redelivered = true;
    this.#head.push(entry);
  }

  #first(): Entry | undefined {
    if (this.#tail > 0 && this.#head.length < LOW) this.#readPage();
    return this.#head.peek();
  }

  /** Reads the next page: what the two tables have, in the order of the positions. */
  #readPage(): void {
    const durable = this.#tables.durable?.read(this.#read, this.#ceiling, PAGE) ?? [];
    const spilled = this.#tables.spilled()?.read(this.#read, this.#ceiling, PAGE) ?? [];
    const merged = spilled.length === 0
      ? durable
      : [...durable, ...spilled].sort((a, b) => a.position - b.position).slice(0, PAGE);
    for (const entry of merged) this.#append(entry);
    if (merged.length === 0) throw new Error(`${this.#tail} messages are not where they were stored`);
    this.#read = merged[merged.length - 1].position;
    this.#tail -= merged.length;
    const inMemory = spilled.filter(({ position }) => position <= this.#read);
    if (inMemory.length > 0) { for (const entry of inMemory) this.#tables.spill().remove(entry); }
  }
}
