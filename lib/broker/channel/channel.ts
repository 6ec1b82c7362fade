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

/** What a channel needs of its connection. */
export interface ChannelPeer {
  readonly output: Output;
  readonly vhost: VirtualHost;
  readonly store: Store;
  readonly turns: Turns;
  readonly user: string;
  readonly frameMax: number;
  /** Bytes of body. */
  readonly maxMessageSize: number;
  /** Whether it wants to hear of consumers that the broker ends. */
  readonly wantsCancels: boolean;
  /** Whether consumers that settle nothing must wait. */
  readonly shortOfMemory: boolean;
  /** Counts messages that need no memory any more. */
  released(messages: number): void;
  /** No frame is taken before the work is done, which is called until it says that it is. */
  finishLater(work: () => boolean): void;
  /** Calls `wake()` of its channels in a moment. */
  wakeLater(): void;
}

/** So many unsettled ones, and those on disk do not stay in memory too. */
const MANY_UNACKED = 1000;

/** So many deliveries are settled at once; if there are more, others get their turn in between. */
const SETTLED = 1000;

/** One channel of a connection: what it consumes, has not settled, publishes and confirms. */
export class Channel implements ConsumerChannel, ReplyConsumer {
  readonly number: number;
  readonly peer: ChannelPeer;
  readonly output: Output;
  readonly publishing: Publishing;
  /** By their tags, in the order of their turns. */
  readonly consumers = new Map<string, ChannelConsumer>();
  readonly unacked = new Unacked<ChannelConsumer>();
  /** For consumers to come; 0 is no limit. */
  prefetch = 0;
  /** For all consumers of the channel together; 0 is no limit. */
  globalPrefetch = 0;
  /** Whether the client wants deliveries. */
  flowing = true;
  /** The queue that an empty name stands for. */
  lastQueue = "";
  confirms: Confirms | undefined;
  transaction: Transaction | undefined;
  /** The consumer of direct replies: its tag, and the name that it is reached by. */
  replies: { tag: string; name: string } | undefined;
  /** Deliveries to consumers that are not settled. */
  #inFlight = 0;
  /** The number of commits when it settled something last: until the next one that waits for the disk. */
  #settledAt = -1;

  constructor(number: number, peer: ChannelPeer) {
    this.number = number;
    this.peer = peer;
    this.output = peer.output;
    this.publishing = new Publishing(peer.maxMessageSize);
  }

  /** Writes a method without content. */
  send(method: number, write?: (writer: Writer) => void): void {
    const writer = this.output.writer.method(this.number, method);
    write?.(writer);
    writer.end();
  }

  /** Whether its consumers may have deliveries now, as far as the channel is concerned. */
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

  /** Settles the delivery of a tag, or all up to it. @throws {AmqpError} 406 for an unknown tag */
  settle(tag: number, multiple: boolean, verdict: Verdict): void {
    if (this.transaction) return this.transaction.settle(this.unacked.take(tag, multiple), verdict);
    const last = multiple && tag === 0 ? this.unacked.lastTag : tag;
    const taken = this.unacked.take(tag, multiple, SETTLED);
    this.settleTaken(taken, verdict);
    if (taken.length === SETTLED) this.peer.finishLater(() => this.#settleMore(last, verdict));
  }

  /** Whether that was the rest. */
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

  /** A message that is complete: in a transaction it waits for the commit. */
  publish(published: Published): void {
    this.#check(published.message);
    if (this.transaction) this.transaction.publish(published);
    else this.publishNow(published);
  }

  publishNow({ message, mandatory }: Published): void {
    const outcome = this.#route(message, mandatory);
    // A confirm says that what the channel settled before it lasts too.
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

  /** Ends a consumer; its deliveries stay the channel's. */
  removeConsumer(tag: string): void {
    if (this.replies?.tag === tag) this.#forgetReplies();
    const consumer = this.consumers.get(tag);
    this.consumers.delete(tag);
    consumer?.queue.removeConsumer(consumer);
  }

  /** The queue of a consumer is gone. */
  consumerCancelled(consumer: ChannelConsumer): void {
    this.consumers.delete(consumer.tag);
    if (!this.peer.wantsCancels) return;
    this.send(METHOD.basicCancel, (writer) => void writer.raw(consumer.tagBytes).u8(1));
  }

  /** Gives its consumers what waits for them, each in its turn: where there is room for some only, the others are next. */
  wake(): void {
    let left = this.consumers.size;
    for (const consumer of this.consumers.values()) {
      if (left-- === 0 || !this.ready()) return;
      consumer.queue.deliver();
      // To the end of the line, unless it went meanwhile.
      if (this.consumers.delete(consumer.tag)) this.consumers.set(consumer.tag, consumer);
    }
  }

  /** The begin of its end, before `giveBack()`: nothing is delivered or confirmed any more. */
  quiet(): void {
    this.confirms?.stop();
    this.transaction?.rollBack();
    this.#forgetReplies();
    for (const tag of [...this.consumers.keys()]) this.removeConsumer(tag);
  }

  /** A part of what was not settled comes back to its queues; whether that was the rest. */
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

  /** @throws {AmqpError} 404, 403, 406 for a message that nobody may publish */
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

  /** One that goes nowhere is taken too. */
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

  /** A message that no queue gets: somebody may wait for it as a direct reply. */
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

/** Nobody but the broker sees whom a blind copy went to. */
function withoutBlindCopies(message: Message): Message {
  if (!message.mayHaveCopies || recipients(message.headers(), "BCC").length === 0) return message;
  const fields = splitTable(message.headerBytes()).filter(({ name }) => name !== "BCC");
  return message.edited({ headers: joined(fields.map(({ bytes }) => bytes)) });
}

/** On a quorum queue the message says how often it came back. */
function counted(message: Message, { returns }: Entry, { arguments: { kind } }: Queue): Message {
  if (kind !== "quorum" || returns === 0) return message;
  const fields = splitTable(message.headerBytes()).filter(({ name }) => name !== "x-delivery-count");
  const count = encodeField("x-delivery-count", BigInt(returns));
  return message.edited({ headers: joined([...fields.map(({ bytes }) => bytes), count]) });
}
