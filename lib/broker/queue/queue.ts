import { type Consumer, Consumers } from "./consumers.ts";
import { Entry, STORED } from "./entry.ts";
import type { Destination } from "../routing/matchers.ts";
import { Lane, type LaneTables, type Paging, type Window } from "./lane.ts";
import type { Message } from "./message.ts";
import type { QueueArguments } from "./queue_arguments.ts";
import type { MessageTable } from "../store/message_table.ts";
import { Timer } from "./timer.ts";

/** Why a message was dead-lettered. */
export type DeathReason = "rejected" | "expired" | "maxlen" | "delivery_limit";

/** The parts of the broker that a queue uses. */
export interface QueueSurroundings {
  /** Creates a table for messages that do not fit into memory. */
  spillTable(): MessageTable;
  /** How much a queue may keep in memory now. */
  window(): Window;
  /** How it reads messages back from disk. */
  readonly paging: Paging;
  /** Publishes a message to the dead-letter exchange of the queue. */
  deadLetter(queue: Queue, message: Message, reason: DeathReason): void;
  /** The queue is to be deleted: its last consumer is gone, or it has expired. */
  unused(queue: Queue): void;
}

export interface QueueOptions {
  name: string;
  /** Undefined for queues that do not survive a restart, as exclusive ones. */
  table: MessageTable | undefined;
  /** Number of its table. 0 if there is none. */
  id: number;
  /** As it was declared. */
  durable: boolean;
  autoDelete: boolean;
  /** The only connection that may use it, if it is exclusive. */
  owner: unknown;
  arguments: QueueArguments;
  argumentBytes: Uint8Array;
}

/** The range of positions of one priority. */
const LANE_SIZE = 2 ** 40;

/**
 * A queue: waiting messages in order, and their consumers. The path of a message through it:
 *
 * 1. `publish()` refuses the message if the queue is full and its overflow policy says so. Otherwise the message gets an
 *    entry with the next position of its priority's lane (lane.ts). If queue and message are durable, the entry is also
 *    added to the table, which a later commit writes to disk.
 * 2. The lane keeps the entry in memory. Behind too many others, it keeps it only on disk and reads it back later.
 * 3. `deliver()` takes the first entry of the highest priority whenever a consumer is ready (consumers.ts), and `get()`
 *    takes it for `basic.get`. Expired entries on the way are dead-lettered. The channel now has the entry as unacked.
 * 4. The channel settles it: `ack()` and `reject()` remove the entry and its row, and `reject()` also dead-letters the
 *    message. `requeue()` returns the entry to its old position, until the delivery limit dead-letters it.
 * 5. Without a consumer, an entry leaves by its TTL (`#expire()`), by a length limit (`#dropHead()`), by `purge()` or
 *    with the queue (`delete()`).
 * 6. A message is dead-lettered through `QueueSurroundings.deadLetter`, which publishes a copy to the dead-letter
 *    exchange, if the queue has one (dead_letters.ts). So it may begin again at step 1 in another queue.
 */
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
  /** One for each priority, the highest first. */
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

  /** For each lane, the last position that was delivered. */
  get delivered(): number[] {
    return this.#lanes.map((lane) => lane.delivered);
  }

  /** Registers the segment files that it refers to. Must be called before `recover()`. */
  claimSegments(): void {
    this.#table!.claimSegments();
  }

  /**
   * Takes over the messages in its table. `delivered` says which ones were delivered before. Undefined means that this
   * is unknown.
   */
  recover(delivered: readonly number[] | undefined): void {
    for (const [index, lane] of this.#lanes.entries()) {
      const { count, last } = this.#table!.measure(index * LANE_SIZE, (index + 1) * LANE_SIZE);
      lane.recover(count, last, delivered?.[index] ?? (delivered ? 0 : last));
      this.#ready += count;
    }
    if (this.arguments.maxLengthBytes !== undefined) this.#readyBytes = this.#table!.bodyBytes();
    this.#expire();
  }

  /** Adds a message. Returns whether the queue took it: a full queue may refuse it. */
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

  /** Delivers messages while there are ready consumers. `fresh` has just been published, so it cannot be expired. */
  deliver(fresh?: Entry): void {
    // If delivering publishes to this queue again through a dead-letter exchange, the running loop delivers that
    // message.
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

  /** Takes the next message for `basic.get`. */
  get(): Entry | undefined {
    this.used();
    return this.#take();
  }

  /** The message of an entry. Reads it from disk if it is not in memory. */
  messageOf(entry: Entry): Message {
    return entry.message ?? this.#table!.fetch(entry.position);
  }

  /** Frees the memory of a stored message while a consumer works on it. */
  unload(entry: Entry): void {
    if (entry.stored === STORED.yes) entry.message = undefined;
  }

  /** Settles a delivery. */
  ack(entry: Entry): void {
    this.#unacked--;
    if (entry.stored !== STORED.no) this.#table!.remove(entry);
  }

  /** Settles a delivery as rejected. */
  reject(entry: Entry): void {
    this.#unacked--;
    this.#bury(entry, "rejected");
  }

  /** Returns a delivery to its position. The caller calls `deliver()` after all returns. */
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

  /** Removes all waiting messages and returns their number. */
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

  /** Removes a consumer. An auto-delete queue without consumers is reported as unused. */
  removeConsumer(consumer: Consumer): void {
    if (!this.consumers.remove(consumer)) return;
    this.used();
    if (this.autoDelete && this.consumers.count === 0) this.#surroundings.unused(this);
    else this.deliver();
  }

  /** Deletes the queue with its messages and rows, and cancels its consumers. */
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

  /** Stops all timers. */
  stop(): void {
    this.#expiry.clear();
    this.#idle.clear();
  }

  /** Records that the queue was declared, read or consumed, which postpones its expiry. */
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

  /** Takes the next entry that is not expired. */
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

  /** Removes an entry, and publishes its message to the dead-letter exchange if there is one. */
  #bury(entry: Entry, reason: DeathReason): void {
    if (!this.#deleted && this.arguments.deadLetterExchange !== undefined) {
      this.#deadLetter(this.messageOf(entry), reason);
    }
    if (entry.stored !== STORED.no) this.#table?.remove(entry);
  }

  #deadLetter(message: Message, reason: DeathReason): void {
    if (this.arguments.deadLetterExchange !== undefined) this.#surroundings.deadLetter(this, message, reason);
  }

  /** Removes expired entries at the heads of the lanes, and sets the timer for the next one. */
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
