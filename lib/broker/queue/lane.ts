import { Deque } from "./deque.ts";
import { type Entry, STORED } from "./entry.ts";
import type { MessageTable, PageSize } from "../store/message_table.ts";
import { Returned } from "../channel/returned.ts";

/** Limits of what a lane keeps in memory. Later entries are on disk only. */
export interface Window {
  entries: number;
  /** Bytes of memory, including all overhead of a message. */
  bytes: number;
}

/** How a lane reads from disk. */
export interface Paging {
  /** The size of one read per table. */
  page: PageSize;
  /** The next page is read if fewer entries than this are in memory. */
  low: number;
}

export const PAGING: Paging = { page: { entries: 512, bytes: 1024 * 1024 }, low: 64 };

/** The tables for entries that are not in memory. */
export interface LaneTables {
  /** The persistent messages of a durable queue, stored from the start. */
  readonly durable: MessageTable | undefined;
  /** Other messages, stored only while they wait. */
  spill(): MessageTable;
  /** The same table if anything was ever stored in it. */
  spilled(): MessageTable | undefined;
  /** The current limits. They shrink if memory is short. */
  window(): Window;
  readonly paging: Paging;
}

/**
 * The entries of one priority, in order. The first ones are in memory. If there are too many, the others are on disk
 * only and are read page by page. Taking, adding and returning an entry takes constant time.
 */
export class Lane {
  readonly #tables: LaneTables;
  /** Positions of this lane are from `#floor` (inclusive) to `#ceiling` (exclusive). */
  readonly #ceiling: number;
  #next: number;
  readonly #head = new Deque<Entry>();
  #headWeight = 0;
  readonly #returned = new Returned();
  /** Number of entries that are on disk only, all behind `#read`. */
  #tail = 0;
  #read: number;
  #delivered: number;
  /** Entries up to this position were delivered before the broker started. */
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

  /** The position for the next new entry. */
  nextPosition(): number {
    return this.#next++;
  }

  /** The position that was taken last. */
  get delivered(): number {
    return this.#delivered;
  }

  /**
   * Takes over entries that a durable table has from before, up to `last`. Those up to `delivered` were delivered
   * before.
   */
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
    // Nothing of the tail was read yet, so the entries in memory end here.
    if (this.#tail++ === 0) this.#read = entry.position - 1;
    if (entry.stored === STORED.no) this.#tables.spill().add(entry);
  }

  /** Returns a delivered entry to its old position. */
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

  /** Forgets all entries. The caller removes their rows. */
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

  /** Reads the next page: merges both tables by position, up to where both were read. */
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
