import { Deque } from "./deque.ts";
import { type Entry, STORED } from "./entry.ts";
import type { MessageTable, PageSize } from "../store/message_table.ts";
import { Returned } from "../channel/returned.ts";

/** How much of a lane is kept in memory; what comes after that waits on disk alone. */
export interface Window {
  entries: number;
  /** Bytes of memory, everything counted that belongs to a message. */
  bytes: number;
}

/** How a lane reads what is on disk. */
export interface Paging {
  /** What is read from each table in one go. */
  page: PageSize;
  /** With fewer entries than this in memory, the next page is read. */
  low: number;
}

export const PAGING: Paging = { page: { entries: 512, bytes: 1024 * 1024 }, low: 64 };

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
  readonly paging: Paging;
}

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
  #headWeight = 0;
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
    const full = this.#head.length >= window.entries || this.#headWeight >= window.bytes;
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
    this.#headWeight -= entry.message?.weight ?? 0;
    if (entry.position > this.#delivered) this.#delivered = entry.position;
    return this.#head.shift();
  }

  /** Forgets all entries; their rows are the caller's. */
  clear(): void {
    this.#head.clear();
    this.#returned.clear();
    this.#headWeight = this.#tail = 0;
  }

  #append(entry: Entry): void {
    this.#headWeight += entry.message?.weight ?? 0;
    if (entry.position <= this.#redelivered) entry.redelivered = true;
    this.#head.push(entry);
  }

  #first(): Entry | undefined {
    if (this.#tail > 0 && this.#head.length < this.#tables.paging.low) this.#readPage();
    return this.#head.peek();
  }

  /** Reads the next page: what the two tables have, in the order of the positions, as far as both were read. */
  #readPage(): void {
    const { durable, paging: { page } } = this.#tables;
    const spill = this.#tables.spilled();
    const lasting = durable?.read(this.#read, this.#ceiling, page) ?? { entries: [], reached: this.#ceiling - 1 };
    const passing = spill?.read(this.#read, lasting.reached + 1, page) ?? { entries: [], reached: lasting.reached };
    const { reached } = passing;
    const merged = [...lasting.entries.filter(({ position }) => position <= reached), ...passing.entries];
    if (merged.length === 0) throw new Error(`${this.#tail} messages are not where they were stored`);
    if (passing.entries.length > 0) merged.sort((a, b) => a.position - b.position);
    for (const entry of merged) this.#append(entry);
    for (const entry of passing.entries) spill!.remove(entry);
    this.#read = reached;
    this.#tail -= merged.length;
  }
}
