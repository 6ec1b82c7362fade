import type { ChannelConsumer, ConsumerChannel } from "./channel_consumer.ts";
import { Confirms, type Outcome } from "./confirms.ts";
import { DIRECT_REPLY_TO, type ReplyConsumer } from "../routing/direct_reply.ts";
import type { Entry } from "../queue/entry.ts";
import type { Message } from "../queue/message.ts";
import type { Output } from "../server/output.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { METHOD } from "../protocol/constants.ts";
import { joined } from "../protocol/joined.ts";
import { encodeField, splitTable } from "../protocol/table.ts";
import { shortStringBytes, type Writer } from "../protocol/writer.ts";
import { type Published, Publishing } from "./publishing.ts";
import type { Queue } from "../queue/queue.ts";
import { recipients } from "../routing/router.ts";
import type { Store } from "../store/store.ts";
import { Transaction } from "./transaction.ts";
import { type Taken, Unacked, type Verdict } from "./unacked.ts";
import type { Turns } from "../../base/time/turns.ts";
import type { VirtualHost } from "../routing/vhost.ts";

/** The parts of the connection that a channel uses. */
export interface ChannelPeer {
  readonly output: Output;
  readonly vhost: VirtualHost;
  readonly store: Store;
  readonly turns: Turns;
  readonly user: string;
  readonly frameMax: number;
  /** Maximum size of a body in bytes. */
  readonly maxMessageSize: number;
  /** Whether the client wants a notice if the broker cancels a consumer. */
  readonly wantsCancels: boolean;
  /** Whether consumers that do not settle must wait. */
  readonly shortOfMemory: boolean;
  /** Counts messages whose memory can be freed. */
  released(messages: number): void;
  /** Calls `work` until it returns that it is done. No other frame is handled until then. */
  finishLater(work: () => boolean): void;
  /** Schedules a call of `wake()` on the connection's channels. */
  wakeLater(): void;
}

/** Above this number of unsettled deliveries, those on disk are not kept in memory too. */
const MANY_UNACKED = 1000;

/** How many deliveries are settled in one step. Other clients get their turn between the steps. */
const SETTLED = 1000;

/** One channel of a connection: its consumers, unsettled deliveries, publishes and confirms. */
export class Channel implements ConsumerChannel, ReplyConsumer {
  readonly number: number;
  readonly peer: ChannelPeer;
  readonly output: Output;
  readonly publishing: Publishing;
  /** By tag, in the order of their turns. */
  readonly consumers = new Map<string, ChannelConsumer>();
  readonly unacked = new Unacked<ChannelConsumer>();
  /** Prefetch of new consumers. 0 means no limit. */
  prefetch = 0;
  /** Prefetch of all consumers of the channel together. 0 means no limit. */
  globalPrefetch = 0;
  /** False after the client has stopped deliveries with `channel.flow`. */
  flowing = true;
  /** The queue that an empty name refers to. */
  lastQueue = "";
  confirms: Confirms | undefined;
  transaction: Transaction | undefined;
  /** The consumer of direct replies: its tag, and its name for replies. */
  replies: { tag: string; name: string } | undefined;
  /** Number of unsettled deliveries to consumers. */
  #inFlight = 0;
  /** The store's number of commits at the last settlement. Reset when a publish waits for the disk. */
  #settledAt = -1;

  constructor(number: number, peer: ChannelPeer) {
    this.number = number;
    this.peer = peer;
    this.output = peer.output;
    this.publishing = new Publishing(peer.maxMessageSize);
  }

  /** Writes a method that has no content. */
  send(method: number, write?: (writer: Writer) => void): void {
    const writer = this.output.writer.method(this.number, method);
    write?.(writer);
    writer.end();
  }

  /** Whether the channel's state allows deliveries now. */
  ready(): boolean {
    if (this.peer.turns.overdue) {
      this.peer.wakeLater();
      return false;
    }
    if (this.unacked.size > MANY_UNACKED && this.peer.shortOfMemory) return false;
    return this.flowing && !this.output.full && (this.globalPrefetch === 0 || this.#inFlight < this.globalPrefetch);
  }

  deliver(consumer: ChannelConsumer, entry: Entry, message: Message): void {
    this.peer.turns.goOn();
    const { queue, noAck } = consumer;
    let tag: number;
    if (noAck) tag = this.unacked.nextTag();
    else {
      tag = this.unacked.add({ entry, queue, consumer });
      this.#inFlight++;
      if (this.unacked.size > MANY_UNACKED) queue.unload(entry);
    }
    this.#writeDelivery(consumer.tagBytes, tag, entry.redelivered, counted(message, entry, queue));
    if (!noAck) return;
    this.#settle(queue, entry, "ack");
    this.peer.released(1);
  }

  deliverReply(message: Message): void {
    if (this.replies) this.#writeDelivery(shortStringBytes(this.replies.tag), this.unacked.nextTag(), false, message);
  }

  /** Answers `basic.get` with an entry. */
  answerGet(queue: Queue, entry: Entry, noAck: boolean): void {
    const message = queue.messageOf(entry);
    const tag = noAck ? this.unacked.nextTag() : this.unacked.add({ entry, queue, consumer: undefined });
    this.send(METHOD.basicGetOk, (writer) => {
      writer.u64(tag).u8(entry.redelivered ? 1 : 0).raw(message.address.bytes).u32(queue.messageCount);
    });
    this.output.content(this.number, counted(message, entry, queue), this.peer.frameMax);
    if (noAck) this.#settle(queue, entry, "ack");
  }

  /** Settles the delivery with the tag, or all up to it. @throws {AmqpError} 406 for an unknown tag */
  settle(tag: number, multiple: boolean, verdict: Verdict): void {
    if (this.transaction) return this.transaction.settle(this.unacked.take(tag, multiple), verdict);
    const last = multiple && tag === 0 ? this.unacked.lastTag : tag;
    const taken = this.unacked.take(tag, multiple, SETTLED);
    this.settleTaken(taken, verdict);
    if (taken.length === SETTLED) this.peer.finishLater(() => this.#settleMore(last, verdict));
  }

  /** Whether everything has been settled. */
  #settleMore(last: number, verdict: Verdict): boolean {
    const taken = this.unacked.takeUpTo(last, SETTLED);
    this.settleTaken(taken, verdict);
    this.peer.turns.goOn(SETTLED);
    return taken.length < SETTLED;
  }

  settleTaken(taken: Readonly<Taken<ChannelConsumer>>, verdict: Verdict): void {
    this.peer.released(taken.length);
    const queues = new Set<Queue>();
    for (const [, { entry, queue, consumer }] of taken) {
      if (consumer) {
        consumer.inFlight--;
        this.#inFlight--;
      }
      this.#settle(queue, entry, verdict);
      queues.add(queue);
    }
    if (this.globalPrefetch !== 0) this.wake();
    for (const queue of queues) queue.deliver();
  }

  #settle(queue: Queue, entry: Entry, verdict: Verdict): void {
    if (queue.id !== 0) this.#settledAt = this.peer.store.commits;
    if (verdict === "ack") queue.ack(entry);
    else if (verdict === "reject") queue.reject(entry);
    else queue.requeue(entry);
  }

  /** Handles a complete message. In a transaction it waits for the commit. */
  publish(published: Published): void {
    this.#check(published.message);
    if (this.transaction) this.transaction.publish(published);
    else this.publishNow(published);
  }

  publishNow({ message, mandatory }: Published): void {
    const outcome = this.#route(message, mandatory);
    // A confirm also promises that earlier settlements on the channel are durable.
    const waits = outcome === "taken" && this.#settledAt === this.peer.store.commits;
    this.confirms?.add(waits ? "storing" : outcome);
  }

  selectConfirms(): void {
    if (this.transaction) throw new AmqpError("preconditionFailed", "cannot switch from tx to confirm mode");
    this.confirms ??= new Confirms(this.number, this.output, this.peer.store);
  }

  selectTransaction(): void {
    if (this.confirms) throw new AmqpError("preconditionFailed", "cannot switch from confirm to tx mode");
    this.transaction ??= new Transaction(this);
  }

  addConsumer(consumer: ChannelConsumer): void {
    this.consumers.set(consumer.tag, consumer);
    consumer.queue.addConsumer(consumer);
  }

  /** Removes a consumer. Its deliveries stay unsettled on the channel. */
  removeConsumer(tag: string): void {
    if (this.replies?.tag === tag) this.#forgetReplies();
    const consumer = this.consumers.get(tag);
    this.consumers.delete(tag);
    consumer?.queue.removeConsumer(consumer);
  }

  /** The consumer's queue was deleted. */
  consumerCancelled(consumer: ChannelConsumer): void {
    this.consumers.delete(consumer.tag);
    if (!this.peer.wantsCancels) return;
    this.send(METHOD.basicCancel, (writer) => void writer.raw(consumer.tagBytes).u8(1));
  }

  /** Delivers to the channel's consumers in turn. If only some fit, the others come first the next time. */
  wake(): void {
    let left = this.consumers.size;
    for (const consumer of this.consumers.values()) {
      if (left-- === 0 || !this.ready()) return;
      consumer.queue.deliver();
      // Moves it to the end of the line, unless it was cancelled meanwhile.
      if (this.consumers.delete(consumer.tag)) this.consumers.set(consumer.tag, consumer);
    }
  }

  /** Begins the end of the channel: no more deliveries and confirms. `giveBack()` follows. */
  quiet(): void {
    this.confirms?.stop();
    this.transaction?.rollBack();
    this.#forgetReplies();
    for (const tag of [...this.consumers.keys()]) this.removeConsumer(tag);
  }

  /** Returns some of the unsettled deliveries to their queues. Returns whether all are done. */
  giveBack(): boolean {
    this.settleTaken(this.unacked.takeUpTo(Infinity, SETTLED), "requeue");
    this.peer.turns.goOn(SETTLED);
    return this.unacked.size === 0;
  }

  #forgetReplies(): void {
    if (this.replies) this.peer.vhost.replies.remove(this.replies.name);
    this.replies = undefined;
  }

  #writeDelivery(tagBytes: Uint8Array, tag: number, redelivered: boolean, message: Message): void {
    const { writer } = this.output;
    writer.method(this.number, METHOD.basicDeliver);
    writer.raw(tagBytes).u64(tag).u8(redelivered ? 1 : 0).raw(message.address.bytes).end();
    this.output.content(this.number, message, this.peer.frameMax);
  }

  /** @throws {AmqpError} 404, 403, or 406 if the message may not be published */
  #check({ address, properties }: Message): void {
    const { exchange } = address;
    if (exchange !== "") {
      const found = this.peer.vhost.exchange(exchange);
      if (!found) throw new AmqpError("notFound", `no exchange '${exchange}' in vhost '/'`);
      if (found.internal) {
        throw new AmqpError("accessRefused", `cannot publish to internal exchange '${exchange}' in vhost '/'`);
      }
    }
    const { expiration, userId } = properties;
    if (expiration !== undefined && !(/^\d{1,10}$/.test(expiration) && Number(expiration) <= 4_294_967_295)) {
      throw new AmqpError("preconditionFailed", `invalid expiration '${expiration}'`);
    }
    if (userId !== undefined && userId !== this.peer.user) {
      throw new AmqpError(
        "preconditionFailed",
        `user_id property set to '${userId}' but authenticated user was '${this.peer.user}'`,
      );
    }
    if (properties.replyTo === DIRECT_REPLY_TO && !this.replies) {
      throw new AmqpError("preconditionFailed", "fast reply consumer does not exist");
    }
  }

  /** A message without a queue counts as taken too. */
  #route(original: Message, mandatory: boolean): Outcome {
    const { vhost } = this.peer;
    let message = original;
    if (this.replies && message.properties.replyTo === DIRECT_REPLY_TO) {
      message = message.edited({ replyTo: this.replies.name });
    }
    const queues = vhost.router.route(message);
    if (queues.length === 0) return this.#unrouted(message, original, mandatory);
    message = withoutBlindCopies(message);
    this.peer.turns.goOn(queues.length);
    let taken = true;
    for (const queue of queues) taken = queue.publish(message) && taken;
    if (!taken) return "refused";
    return message.persistent ? "storing" : "taken";
  }

  /** No queue took the message. It may be a direct reply. */
  #unrouted(message: Message, original: Message, mandatory: boolean): Outcome {
    const { vhost } = this.peer;
    const waiting = message.address.exchange === "" ? vhost.replies.find(message.address.routingKey) : undefined;
    if (waiting) waiting.deliverReply(message);
    else if (mandatory) {
      this.#return(original);
      return "returned";
    }
    return "taken";
  }

  #return(message: Message): void {
    this.send(METHOD.basicReturn, (writer) => void writer.u16(312).shortString("NO_ROUTE").raw(message.address.bytes));
    this.output.content(this.number, message, this.peer.frameMax);
  }
}

/** Removes BCC: only the broker may see the recipients of a blind copy. */
function withoutBlindCopies(message: Message): Message {
  if (!message.mayHaveCopies || recipients(message.headers(), "BCC").length === 0) return message;
  const fields = splitTable(message.headerBytes()).filter(({ name }) => name !== "BCC");
  return message.edited({ headers: joined(fields.map(({ bytes }) => bytes)) });
}

/** On a quorum queue the message carries the number of its returns. */
function counted(message: Message, { returns }: Entry, { arguments: { kind } }: Queue): Message {
  if (kind !== "quorum" || returns === 0) return message;
  const fields = splitTable(message.headerBytes()).filter(({ name }) => name !== "x-delivery-count");
  const count = encodeField("x-delivery-count", BigInt(returns));
  return message.edited({ headers: joined([...fields.map(({ bytes }) => bytes), count]) });
}
