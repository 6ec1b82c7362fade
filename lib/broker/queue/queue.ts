import { type Consumer, Consumers } from "./consumers.ts";
import { Entry, STORED } from "./entry.ts";
import type { Destination } from "../routing/matchers.ts";
import { Lane, type LaneTables, type Paging, type Window } from "./lane.ts";
import type { Message } from "./message.ts";
import type { QueueArguments } from "./queue_arguments.ts";
import type { MessageTable } from "../store/message_table.ts";
import { Timer } from "./timer.ts";

/** Why a message went to the dead letters. */
export type DeathReason = "rejected" | "expired" | "maxlen" | "delivery_limit";

/** What a queue needs of the world around it. */
export interface QueueSurroundings {
  /** A table for what has no room in memory. */
  spillTable(): MessageTable;
  /** How much a queue may keep in memory at this moment. */
  window(): Window;
  /** How it reads what has no room there. */
  readonly paging: Paging;
  /** Publishes a message again, from a queue that has a dead-letter exchange. */
  deadLetter(queue: Queue, message: Message, reason: DeathReason): void;
  /** The queue has no more use: its last consumer went, or nobody used it for too long. */
  unused(queue: Queue): void;
}

export interface QueueOptions {
  name: string;
  /** Absent for queues that do not outlive the broker, exclusive ones among them. */
  table: MessageTable | undefined;
  /** Names the table; 0 without one. */
  id: number;
  /** As it was declared. */
  durable: boolean;
  autoDelete: boolean;
  /** The connection that alone may use it. */
  owner: unknown;
  arguments: QueueArguments;
  argumentBytes: Uint8Array;
}

/** Positions of one priority. */
const LANE_SIZE = 2 ** 40;

/** Messages that wait, in order, and those who take them. */
export class Queue implements Destination {
  readonly kind = "queue";
  readonly name: string;
  readonly id: number;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly owner: unknown;
  readonly arguments: QueueArguments;
  readonly argumentBytes: Uint8Array;
  readonly consumers: Consumers;
  readonly #surroundings: QueueSurroundings;
  readonly #table: MessageTable | undefined;
  #spill: MessageTable | undefined;
  /** The highest priority first. */
  readonly #lanes: Lane[];
  readonly #limited: boolean;
  #ready = 0;
  #readyBytes = 0;
  #unacked = 0;
  #delivering = false;
  #deleted = false;
  #lastUse = Date.now();
  readonly #expiry = new Timer(() => this.#expire());
  readonly #idle = new Timer(() => this.#deleteIfUnused());

  constructor(options: QueueOptions, surroundings: QueueSurroundings) {
    this.name = options.name;
    this.id = options.id;
    this.durable = options.durable;
    this.autoDelete = options.autoDelete;
    this.owner = options.owner;
    this.arguments = options.arguments;
    this.argumentBytes = options.argumentBytes;
    this.consumers = new Consumers(this.arguments.singleActiveConsumer);
    this.#surroundings = surroundings;
    this.#table = options.table;
    this.#limited = this.arguments.maxLength !== undefined || this.arguments.maxLengthBytes !== undefined;
    const tables: LaneTables = {
      durable: this.#table,
      spill: () => this.#spill ??= surroundings.spillTable(),
      spilled: () => this.#spill,
      window: surroundings.window,
      paging: surroundings.paging,
    };
    const count = (this.arguments.maxPriority ?? 0) + 1;
    this.#lanes = Array.from({ length: count }, (_, i) => new Lane(tables, i * LANE_SIZE, (i + 1) * LANE_SIZE));
    this.used();
  }

  /** Messages that wait for a consumer. */
  get messageCount(): number {
    return this.#ready;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  /** The last position that was delivered, of each lane. */
  get delivered(): number[] {
    return this.#lanes.map((lane) => lane.delivered);
  }

  /** Says which files of large messages it needs, before `recover()`. */
  claimSegments(): void {
    this.#table!.claimSegments();
  }

  /** Takes up the messages of its table; `delivered` says which of them were delivered before, `undefined` that nobody knows. */
  recover(delivered: readonly number[] | undefined): void {
    for (const [index, lane] of this.#lanes.entries()) {
      const { count, last } = this.#table!.measure(index * LANE_SIZE, (index + 1) * LANE_SIZE);
      lane.recover(count, last, delivered?.[index] ?? (delivered ? 0 : last));
      this.#ready += count;
    }
    if (this.arguments.maxLengthBytes !== undefined) this.#readyBytes = this.#table!.bodyBytes();
    this.#expire();
  }

  /** Whether it took the message; a queue that is full may refuse it. */
  publish(message: Message): boolean {
    if (this.#limited && this.arguments.overflow !== "drop-head" && this.#overflows(1, message.bodySize)) {
      if (this.arguments.overflow === "reject-publish-dlx") this.#deadLetter(message, "maxlen");
      return false;
    }
    const lane = this.#lanes.length === 1 ? this.#lanes[0] : this.#laneOf(message);
    const entry = new Entry(lane.nextPosition(), message, message.bodySize, this.#expiryOf(message));
    if (this.#table && message.persistent) this.#table.add(entry);
    lane.push(entry);
    this.#ready++;
    this.#readyBytes += entry.bodySize;
    if (this.consumers.count > 0) this.deliver(entry);
    if (this.#limited) this.#dropHead();
    if (entry.expiresAt !== 0) this.#expire();
    return true;
  }

  /** Gives messages to consumers as long as there are both. `fresh` came this moment, and so is not too old. */
  deliver(fresh?: Entry): void {
    // What is published here while it runs, by way of a dead-letter exchange, is for the loop that runs.
    if (this.#delivering || this.#ready === 0) return;
    this.#delivering = true;
    try {
      while (this.#ready > 0) {
        const consumer = this.consumers.next();
        if (!consumer) break;
        const entry = this.#take(fresh);
        if (!entry) break;
        consumer.deliver(entry, this.messageOf(entry));
      }
    } finally {
      this.#delivering = false;
    }
  }

  /** The next message for `basic.get`. */
  get(): Entry | undefined {
    this.used();
    return this.#take();
  }

  /** The message of an entry, from disk where only the disk has it. */
  messageOf(entry: Entry): Message {
    return entry.message ?? this.#table!.fetch(entry.position);
  }

  /** What the disk has need not be in memory while a consumer works at it. */
  unload(entry: Entry): void {
    if (entry.stored === STORED.yes) entry.message = undefined;
  }

  /** A delivery is done with. */
  ack(entry: Entry): void {
    this.#unacked--;
    if (entry.stored !== STORED.no) this.#table!.remove(entry);
  }

  /** A delivery is refused for good. */
  reject(entry: Entry): void {
    this.#unacked--;
    this.#bury(entry, "rejected");
  }

  /** A delivery comes back to its place; `deliver()` is the caller's, after all that come back. */
  requeue(entry: Entry): void {
    this.#unacked--;
    if (this.#deleted) return;
    entry.redelivered = true;
    entry.returns++;
    const { deliveryLimit, kind } = this.arguments;
    if (deliveryLimit !== undefined && entry.returns > deliveryLimit) return this.#bury(entry, "delivery_limit");
    if (kind === "quorum") this.#table?.countReturn(entry);
    this.#lanes[Math.floor(entry.position / LANE_SIZE)].pushBack(entry);
    this.#ready++;
    this.#readyBytes += entry.bodySize;
    if (this.#limited) this.#dropHead();
    if (entry.expiresAt !== 0) this.#expire();
  }

  /** Removes what waits, and says how much that was. */
  purge(): number {
    this.used();
    const count = this.#ready;
    if (this.#unacked === 0) this.#table?.drop();
    else for (let entry = this.#shift(); entry; entry = this.#shift()) this.#table?.remove(entry);
    this.#spill?.drop();
    for (const lane of this.#lanes) lane.clear();
    this.#ready = this.#readyBytes = 0;
    return count;
  }

  addConsumer(consumer: Consumer): void {
    this.consumers.add(consumer);
    this.used();
  }

  /** A queue that is deleted with its last consumer says so to its surroundings. */
  removeConsumer(consumer: Consumer): void {
    if (!this.consumers.remove(consumer)) return;
    this.used();
    if (this.autoDelete && this.consumers.count === 0) this.#surroundings.unused(this);
    else this.deliver();
  }

  /** The end: messages, rows and consumers go. */
  delete(): void {
    this.#deleted = true;
    this.stop();
    this.#table?.drop();
    this.#spill?.drop();
    for (const lane of this.#lanes) lane.clear();
    this.#ready = 0;
    for (const consumer of this.consumers.all()) {
      this.consumers.remove(consumer);
      consumer.cancelled();
    }
  }

  /** No timer of it fires any more. */
  stop(): void {
    this.#expiry.clear();
    this.#idle.clear();
  }

  /** It was declared, read or consumed from: a queue that expires does so later. */
  used(): void {
    if (this.arguments.expires === undefined) return;
    this.#lastUse = Date.now();
    this.#idle.at(this.#lastUse + this.arguments.expires);
  }

  #deleteIfUnused(): void {
    const { expires = Infinity } = this.arguments;
    if (this.consumers.count > 0) this.used();
    else if (this.#lastUse + expires > Date.now()) this.#idle.at(this.#lastUse + expires);
    else this.#surroundings.unused(this);
  }

  /** The next entry that is not too old. */
  #take(fresh?: Entry): Entry | undefined {
    let now = 0;
    for (let entry = this.#shift(); entry; entry = this.#shift()) {
      if (entry.expiresAt === 0 || entry === fresh || entry.expiresAt > (now ||= Date.now())) {
        this.#unacked++;
        return entry;
      }
      this.#bury(entry, "expired");
    }
    return undefined;
  }

  #shift(): Entry | undefined {
    for (const lane of this.#lanes) {
      const entry = lane.shift();
      if (!entry) continue;
      this.#ready--;
      this.#readyBytes -= entry.bodySize;
      return entry;
    }
    return undefined;
  }

  /** Removes an entry, and sends its message to the dead-letter exchange if there is one. */
  #bury(entry: Entry, reason: DeathReason): void {
    if (!this.#deleted && this.arguments.deadLetterExchange !== undefined) {
      this.#deadLetter(this.messageOf(entry), reason);
    }
    if (entry.stored !== STORED.no) this.#table?.remove(entry);
  }

  #deadLetter(message: Message, reason: DeathReason): void {
    if (this.arguments.deadLetterExchange !== undefined) this.#surroundings.deadLetter(this, message, reason);
  }

  /** Buries what is too old at the heads, and looks again when the next one is. */
  #expire(): void {
    const now = Date.now();
    let next = Infinity;
    for (const lane of this.#lanes) {
      for (let entry = lane.peek(); entry && entry.expiresAt !== 0; entry = lane.peek()) {
        if (entry.expiresAt > now) {
          next = Math.min(next, entry.expiresAt);
          break;
        }
        lane.shift();
        this.#ready--;
        this.#readyBytes -= entry.bodySize;
        this.#bury(entry, "expired");
      }
    }
    if (next !== Infinity) this.#expiry.at(next);
  }

  #dropHead(): void {
    while (this.#overflows(0, 0)) {
      const entry = this.#shift();
      if (!entry) return;
      this.#bury(entry, "maxlen");
    }
  }

  #overflows(more: number, bytes: number): boolean {
    const { maxLength = Infinity, maxLengthBytes = Infinity } = this.arguments;
    return this.#ready + more > maxLength || this.#readyBytes + bytes > maxLengthBytes;
  }

  #laneOf(message: Message): Lane {
    const highest = this.#lanes.length - 1;
    return this.#lanes[highest - Math.min(message.properties.priority ?? 0, highest)];
  }

  #expiryOf(message: Message): number {
    const own = message.properties.expiration;
    const { messageTtl } = this.arguments;
    if (own === undefined && messageTtl === undefined) return 0;
    return Date.now() + Math.min(own === undefined ? Infinity : Number(own), messageTtl ?? Infinity);
  }
}
