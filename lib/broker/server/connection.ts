import { Channel, type ChannelPeer } from "../channel/channel.ts";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { FrameReader } from "./frame_reader.ts";
import { Handshake, HandshakeRefused, type Negotiated } from "./handshake.ts";
import type { Limits } from "./limits.ts";
import { basicMethods } from "../methods/basic_methods.ts";
import { channelMethods } from "../methods/channel_methods.ts";
import { exchangeMethods } from "../methods/exchange_methods.ts";
import type { MethodTable } from "../methods/method_table.ts";
import { queueMethods } from "../methods/queue_methods.ts";
import { Nudge } from "./nudge.ts";
import { Output } from "./output.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { FRAME, METHOD, PROTOCOL_HEADER } from "../protocol/constants.ts";
import { Reader } from "../protocol/reader.ts";
import type { Writer } from "../protocol/writer.ts";
import type { Published } from "../channel/publishing.ts";
import type { Store } from "../store/store.ts";
import type { Transport } from "./transport.ts";
import { Share, type Turns } from "../../base/time/turns.ts";
import { endsWithin } from "../../base/time/within.ts";
import type { VirtualHost } from "../routing/vhost.ts";

/** The parts of the broker that a connection uses. */
export interface ConnectionSurroundings {
  readonly vhost: VirtualHost;
  readonly store: Store;
  readonly limits: Limits;
  readonly turns: Turns;
  readonly users: Readonly<Record<string, string>>;
  readonly version: string;
  readonly log: Logger;
  /** Why nobody may publish now. Undefined if they may. */
  readonly alarm: string | undefined;
  /** Whether consumers that do not settle must wait too. */
  readonly shortOfMemory: boolean;
  /** Counts messages whose memory can be freed. */
  readonly released: (messages: number) => void;
}

/** The methods of channels. This class handles those of connections, and `basic.publish`. */
const METHODS: MethodTable = { ...channelMethods, ...exchangeMethods, ...queueMethods, ...basicMethods };

/** Methods that only a broker sends. From a client they are unexpected, but known. */
const KNOWN = new Set<number>(Object.values(METHOD));

/** One client connection, from the handshake to the end. */
export class Connection implements ChannelPeer {
  readonly output: Output;
  readonly #transport: Transport;
  readonly #surroundings: ConnectionSurroundings;
  readonly #frames: FrameReader;
  readonly #handshake: Handshake;
  readonly #channels = new Map<number, Channel>();
  /** Channels that the broker closed and the client has not confirmed yet. */
  readonly #closingChannels = new Set<number>();
  readonly #share = new Share();
  readonly #nudge: Nudge;
  readonly #log: Logger;
  readonly #started = performance.now();
  #negotiated: Negotiated | undefined;
  #lastRead = performance.now();
  /** The time when the broker sent `connection.close`. Later frames are ignored. */
  #closing: number | undefined;
  #ended = false;
  #deaf = false;
  /** Set while the client is not read, because it published during an alarm. */
  #blocked: PromiseWithResolvers<void> | undefined;
  #method = 0;
  /** Whether the frames of this read contained a publish. */
  #published = false;
  #waking = false;
  /** The rest of an unfinished method. No further frame is handled until it is done. */
  #unfinished: (() => boolean) | undefined;

  constructor(transport: Transport, surroundings: ConnectionSurroundings, local: boolean) {
    this.#transport = transport;
    this.#surroundings = surroundings;
    this.#log = surroundings.log.child({ client: transport.remote });
    this.output = new Output(transport);
    this.output.onError = () => this.#end();
    this.output.onDrain = () => this.wakeLater();
    this.#nudge = new Nudge({ stalled: () => this.#stalled, nudge: () => this.#beat() });
    const { limits, users, version } = surroundings;
    this.#handshake = new Handshake({
      limits,
      users,
      local,
      version,
      send: (write, method) => this.#send(method, write),
    });
    this.#frames = new FrameReader(transport, this.#handshake.frameMax);
  }

  get vhost(): VirtualHost {
    return this.#surroundings.vhost;
  }

  get shortOfMemory(): boolean {
    return this.#surroundings.shortOfMemory;
  }

  released(messages: number): void {
    this.#surroundings.released(messages);
  }

  get turns(): Turns {
    return this.#surroundings.turns;
  }

  get store(): Store {
    return this.#surroundings.store;
  }

  get maxMessageSize(): number {
    return this.#surroundings.limits.messageSize;
  }

  get user(): string {
    return this.#negotiated!.user;
  }

  get frameMax(): number {
    return this.#negotiated!.frameMax;
  }

  get wantsCancels(): boolean {
    return this.#negotiated!.capabilities.consumer_cancel_notify === true;
  }

  /** Serves the client until either side ends the connection. Never rejects. */
  async serve(): Promise<void> {
    try {
      if (await this.#greeted()) {
        this.#handshake.start();
        while (!this.#ended && await this.#readMore());
      }
      await this.output.drained();
    } catch (error) {
      this.#log.debug(`connection lost: ${describeError(error)}`);
    } finally {
      this.#end();
    }
  }

  /** Runs every second: sends heartbeats, and disconnects silent clients. */
  tick(now: number): void {
    const { limits } = this.#surroundings;
    const late = this.#closing !== undefined
      ? now - this.#closing > limits.close
      : !this.#negotiated && now - this.#started > limits.handshake;
    if (late) return this.#end();
    const interval = (this.#negotiated?.heartbeat ?? 0) * 1000;
    if (interval === 0) return;
    if (now - this.output.lastWrite > interval / 2) this.#beat();
    if (!this.#blocked && now - this.#lastRead > 2 * interval) {
      this.#log.warn(`a client sent nothing for ${Math.round((now - this.#lastRead) / 1000)} s and is cut off`);
      this.#end();
    }
  }

  /** The alarm began, changed or ended. */
  alarmChanged(): void {
    if (this.#surroundings.alarm !== undefined || !this.#blocked) return;
    if (this.#wantsBlocked) this.#send(METHOD.connectionUnblocked);
    this.#blocked.resolve();
    this.#blocked = undefined;
  }

  /** The broker stops: notifies the client, and disconnects it if it does not answer. */
  async stop(): Promise<void> {
    this.#releaseAll();
    if (this.#negotiated) this.#fail(AmqpError.hard("connectionForced", "broker shutdown"));
    await endsWithin(500, this.output.drained().catch(() => {}));
    this.#end();
  }

  get #wantsBlocked(): boolean {
    return this.#negotiated?.capabilities["connection.blocked"] === true;
  }

  /** Reads the protocol header. Answers a wrong one with the right one. */
  async #greeted(): Promise<boolean> {
    const header = await this.#frames.bytes(PROTOCOL_HEADER.length);
    if (!header) return false;
    if (header.every((byte, index) => byte === PROTOCOL_HEADER[index])) return true;
    this.output.writer.raw(PROTOCOL_HEADER);
    return false;
  }

  async #readMore(): Promise<boolean> {
    if (this.#blocked) await this.#blocked.promise;
    // A client that does not read is not read from either.
    if (this.output.full) await this.output.drained();
    try {
      if (this.#deaf) {
        // These frames are discarded, so all other clients go first.
        await new Promise((resolve) => setTimeout(resolve, 0));
        return await this.#frames.discard();
      }
      if (this.#unfinished) {
        await this.turns.run(this.#share, () => this.#finish());
        return true;
      }
      if (!await this.#frames.more()) return false;
      await this.turns.run(this.#share, () => this.#handOver());
      return true;
    } catch (error) {
      if (!(error instanceof AmqpError) || this.#closing !== undefined) throw error;
      // After an invalid frame, nothing more can be parsed. The socket is still read, since closing it with unread data
      // would discard what was sent last.
      this.#deaf = true;
      this.#fail(error);
      return true;
    } finally {
      this.#lastRead = performance.now();
    }
  }

  /** Handles the frames that were read, as many as there is time for. */
  #handOver(): void {
    this.#nudge.received();
    this.#published = false;
    this.#frames.handOver((type, channel, bytes, start, end) => {
      if (!this.#ended) this.#frame(type, channel, bytes, start, end);
      return this.turns.goOn() && !this.#unfinished && !this.#blocked && !this.output.full;
    });
    if (this.#published && this.#negotiated!.heartbeat > 0 && this.output.idle) this.#nudge.unanswered();
  }

  finishLater(work: () => boolean): void {
    this.#unfinished = work;
  }

  #finish(): void {
    try {
      while (this.#unfinished) {
        if (this.#unfinished()) this.#unfinished = undefined;
        // Frames that were received before the connection ended still count.
        if (!this.#ended && !this.turns.goOn()) return;
      }
    } catch (error) {
      this.#unfinished = undefined;
      this.#failed(0, error);
    }
  }

  /** Whether the client has deliveries to settle, and the broker has sent nothing since it last read from it. */
  get #stalled(): boolean {
    if (this.#ended || this.#closing !== undefined || this.output.lastWrite > this.#lastRead) return false;
    for (const { unacked } of this.#channels.values()) if (unacked.size > 0) return true;
    return false;
  }

  #frame(type: number, number: number, bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#method = 0;
      if (type === FRAME.method && end - start < 4) {
        throw AmqpError.hard("frameError", "a method frame without a method");
      }
      if (type === FRAME.heartbeat) {
        if (number !== 0) throw AmqpError.hard("unexpectedFrame", `a heartbeat on channel ${number}`);
        if (end !== start) throw AmqpError.hard("frameError", "a heartbeat with a payload");
      } else if (number === 0) this.#connectionFrame(type, bytes, start, end);
      else if (this.#closing === undefined) this.#channelFrame(type, number, bytes, start, end);
    } catch (error) {
      this.#failed(number, error);
    }
  }

  #connectionFrame(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type !== FRAME.method) throw AmqpError.hard("unexpectedFrame", `a frame of type ${type} on channel 0`);
    const args = new Reader(bytes, start, end);
    const method = this.#method = args.u32();
    if (method === METHOD.connectionCloseOk && this.#closing !== undefined) return this.#end();
    if (method === METHOD.connectionClose && (this.#negotiated || this.#closing !== undefined)) return this.#closed();
    if (this.#closing !== undefined) return;
    if (!this.#negotiated) {
      this.#negotiated = this.#handshake.take(method, args);
      this.#frames.frameMax = this.#handshake.frameMax;
      if (this.#negotiated) this.#log.debug("connection open", { user: this.user });
    } else if (method === METHOD.connectionUpdateSecret) this.#send(METHOD.connectionUpdateSecretOk);
    else if (KNOWN.has(method)) throw AmqpError.hard("channelError", `unexpected ${nameOf(method)} on channel 0`);
    else throw unknown(method, 0);
  }

  #channelFrame(type: number, number: number, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#negotiated) throw AmqpError.hard("channelError", `channel ${number} before the connection is open`);
    if (this.#closingChannels.has(number)) return this.#closingFrame(type, number, bytes, start, end);
    const channel = this.#channels.get(number);
    if (type === FRAME.method) {
      if (!channel) return this.#openChannel(number, new Reader(bytes, start, end));
      return this.#methodFrame(channel, bytes, start, end);
    }
    if (!channel) throw AmqpError.hard("channelError", `expected 'channel.open' on channel ${number}`);
    let published: Published | undefined;
    if (channel.publishing.pending) this.#method = METHOD.basicPublish;
    if (type === FRAME.header) published = channel.publishing.header(bytes, start, end);
    else if (type === FRAME.body) published = channel.publishing.body(bytes, start, end);
    else throw AmqpError.hard("frameError", `unknown frame type ${type}`);
    if (published) {
      this.#published = true;
      channel.publish(published);
    }
    // A small message is handled at once. A large one has many frames, which may never end.
    if (published || type === FRAME.body) this.#blockIfAlarmed();
  }

  #blockIfAlarmed(): void {
    const { alarm } = this.#surroundings;
    if (alarm === undefined || this.#blocked) return;
    this.#blocked = Promise.withResolvers();
    if (this.#wantsBlocked) this.#send(METHOD.connectionBlocked, (writer) => writer.shortString(alarm));
  }

  #methodFrame(channel: Channel, bytes: Uint8Array, start: number, end: number): void {
    if (channel.publishing.pending) throw AmqpError.hard("unexpectedFrame", "expected content, got a method");
    const args = new Reader(bytes, start, end);
    const method = this.#method = args.u32();
    if (method === METHOD.basicPublish) return channel.publishing.begin(bytes, start + 4, end);
    const run = METHODS[method];
    if (run) return run(channel, args);
    if (method === METHOD.channelClose) return this.#closeChannel(channel);
    if (method === METHOD.channelOpen) throw AmqpError.hard("channelError", "second 'channel.open' seen");
    if (method === METHOD.channelFlowOk || method === METHOD.basicCancelOk) return;
    throw unknown(method, channel.number);
  }

  #openChannel(number: number, args: Reader): void {
    const method = this.#method = args.u32();
    // Both sides may close a channel at the same time.
    if (method === METHOD.channelCloseOk) return;
    if (method !== METHOD.channelOpen) throw AmqpError.hard("channelError", "expected 'channel.open'");
    const { channelMax } = this.#negotiated!;
    if (number > channelMax) {
      throw AmqpError.hard(
        "notAllowed",
        `channel number ${number} is beyond the negotiated channel_max (${channelMax})`,
      );
    }
    this.#channels.set(number, new Channel(number, this));
    this.output.writer.method(number, METHOD.channelOpenOk).u32(0).end();
  }

  #closeChannel(channel: Channel): void {
    this.#channels.delete(channel.number);
    this.#release(channel);
    channel.send(METHOD.channelCloseOk);
  }

  #closingFrame(type: number, number: number, bytes: Uint8Array, start: number, end: number): void {
    if (type !== FRAME.method) return;
    const method = new Reader(bytes, start, end).u32();
    if (method === METHOD.channelCloseOk) this.#closingChannels.delete(number);
    if (method === METHOD.channelClose) this.output.writer.method(number, METHOD.channelCloseOk).end();
  }

  /** The client closed the connection. */
  #closed(): void {
    this.#releaseAll();
    this.#send(METHOD.connectionCloseOk);
    this.#closing ??= performance.now();
    void this.output.drained().then(() => this.#transport.finish(), () => this.#end());
  }

  #failed(number: number, error: unknown): void {
    const amqp = error instanceof AmqpError
      ? error
      : AmqpError.hard("internalError", "the broker failed; its log says more");
    if (amqp !== error) {
      this.#log.error(`a method failed: ${describeError(error)}`, { stack: (error as Error)?.stack });
    }
    const channel = this.#channels.get(number);
    if (amqp.soft && channel) this.#failChannel(channel, amqp);
    else this.#fail(amqp);
  }

  #failChannel(channel: Channel, error: AmqpError): void {
    this.#log.debug(`channel ${channel.number} closed: ${error.message}`);
    this.#channels.delete(channel.number);
    this.#closingChannels.add(channel.number);
    this.#release(channel);
    this.#writeClose(channel.number, METHOD.channelClose, error);
  }

  #fail(error: AmqpError): void {
    if (this.#closing !== undefined) return;
    this.#closing = performance.now();
    this.#log.warn(`connection closed: ${error.message}`);
    this.#releaseAll();
    const refused = error instanceof HandshakeRefused;
    if (!this.#negotiated && !(refused && error.told)) return this.#end();
    // A login that fails is no failed method.
    if (refused && error.code === 403) this.#method = 0;
    this.#writeClose(0, METHOD.connectionClose, error);
  }

  #writeClose(channel: number, method: number, { code, message }: AmqpError): void {
    const writer = this.output.writer.method(channel, method);
    writer.u16(code).shortString(message).u32(this.#method).end();
  }

  #send(method: number, write?: (writer: Writer) => Writer): void {
    const writer = this.output.writer.method(0, method);
    write?.(writer);
    writer.end();
  }

  #beat(): void {
    const { writer } = this.output;
    writer.begin(FRAME.heartbeat, 0);
    writer.end();
  }

  /** Schedules deliveries to its consumers. */
  wakeLater(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      void this.turns.run(this.#share, () => {
        this.#waking = false;
        this.#wake();
      });
    });
  }

  /** Continues its channels in turn. If only some fit, the others come first the next time. */
  #wake(): void {
    let left = this.#channels.size;
    for (const [number, channel] of this.#channels) {
      if (left-- === 0 || this.output.full) return;
      channel.wake();
      if (this.#channels.delete(number)) this.#channels.set(number, channel);
    }
  }

  /** Ends its channels and deletes what is exclusive to it. */
  #releaseAll(): void {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    while (this.#unfinished) this.#finish();
    for (const channel of channels) channel.quiet();
    // Deleted before deliveries return, so that none return to a deleted queue.
    this.vhost.deleteQueuesOf(this);
    for (const channel of channels) this.#release(channel);
  }

  /** Ends a channel. */
  #release(channel: Channel): void {
    channel.quiet();
    if (channel.giveBack()) return;
    const later = () => setTimeout(() => void this.turns.run(this.#share, goOn), 0);
    const goOn = () => {
      do {
        if (channel.giveBack()) return;
      } while (this.turns.goOn());
      later();
    };
    later();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#releaseAll();
    this.#blocked?.resolve();
    this.#transport.close();
  }
}

/** The error for an unexpected or unknown method on a channel. */
function unknown(method: number, channel: number): AmqpError {
  const text = `${nameOf(method)} on channel ${channel}`;
  return KNOWN.has(method)
    ? AmqpError.hard("commandInvalid", `unexpected ${text}`)
    : AmqpError.hard("notImplemented", `unknown ${text}`);
}

function nameOf(method: number): string {
  return `method ${method >>> 16}.${method & 0xffff}`;
}
