import { ByteWriter } from "./byte_writer.ts";
import { checkReason, type CloseReason, ConnectionClosed, Disconnected } from "./closed.ts";
import { Mailbox } from "./mailbox.ts";
import {
  type AnyMethod,
  decodeMethod,
  type MethodArguments,
  methodIds,
  type MethodInput,
  type MethodName,
} from "./methods.ts";
import { RawChannel } from "./raw_channel.ts";
import { type TableInput, writeTable } from "./raw_codec.ts";
import {
  DEFAULT_TIMEOUT,
  type Frame,
  FRAME_BODY,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  PROTOCOL_HEADER,
  Wire,
} from "./wire.ts";

export { ChannelClosed, type CloseReason, ConnectionClosed, Disconnected } from "./closed.ts";
export { TimedOut } from "./mailbox.ts";
export { type Confirmation, Delivery, Got, RawChannel, Returned } from "./raw_channel.ts";

export type Mechanism = "PLAIN" | "AMQPLAIN";
export type Tune = MethodArguments<"connection.tune">;

export interface ConnectOptions {
  /** @default "PLAIN" */
  mechanism?: Mechanism;
  /** @default that of the URL */
  user?: string;
  /** @default that of the URL */
  password?: string;
  /** @default that of the URL, or `/` */
  vhost?: string;
  /** What the client says it can do. @default everything */
  capabilities?: TableInput;
  /** Beside the capabilities. */
  clientProperties?: TableInput;
  /** What to answer to `tune`. @default what the broker offers, no heartbeat */
  tune?: Partial<Tune>;
}

export const ALL_CAPABILITIES: TableInput = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  "basic.nack": true,
  consumer_cancel_notify: true,
  "connection.blocked": true,
  authentication_failure_close: true,
};

/** The response of a SASL mechanism to the first question. */
export const MECHANISMS: Record<Mechanism, (user: string, password: string) => string | Uint8Array> = {
  PLAIN: (user, password) => `\0${user}\0${password}`,
  AMQPLAIN: (user, password) => {
    const writer = new ByteWriter();
    writeTable(writer, { LOGIN: user, PASSWORD: password });
    // The table without its length: the long string around it has one.
    return writer.take().subarray(4);
  },
};

/** The vhost that a URL names. */
export function vhostOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1)) || "/";
}

/** The handshake up to `tune`, for tests that go on by themselves. */
export async function handshake(wire: Wire, url: string, options: ConnectOptions = {}): Promise<{
  start: MethodArguments<"connection.start">;
  tune: Tune;
}> {
  const { username, password } = new URL(url);
  const { mechanism = "PLAIN", capabilities = ALL_CAPABILITIES, clientProperties = {} } = options;
  await wire.write(PROTOCOL_HEADER);
  const start = await wire.readMethod("connection.start");
  await wire.writeMethod(0, "connection.startOk", {
    clientProperties: { product: "conformance", ...clientProperties, capabilities },
    mechanism,
    response: MECHANISMS[mechanism](
      options.user ?? decodeURIComponent(username),
      options.password ?? decodeURIComponent(password),
    ),
    locale: "en_US",
  });
  return { start, tune: await wire.readMethod("connection.tune") };
}

/** An open connection. */
export class RawClient implements AsyncDisposable {
  /** Every frame that came, by type, channel and payload size, in order. */
  readonly frames: { type: number; channel: number; size: number }[] = [];
  readonly #wire: Wire;
  readonly #channels = new Map<number, RawChannel>();
  readonly #replies = new Mailbox<AnyMethod>("a reply on channel 0");
  readonly #closes = new Mailbox<CloseReason>("the broker to close the connection");
  readonly #running: Promise<void>;
  #lastChannel = 0;
  #closing = false;

  private constructor(
    wire: Wire,
    readonly serverProperties: MethodArguments<"connection.start">["serverProperties"],
    /** What both sides agreed on. */
    readonly tune: Tune,
  ) {
    this.#wire = wire;
    this.#running = this.#run();
  }

  static async connect(url: string, options: ConnectOptions = {}): Promise<RawClient> {
    const wire = await Wire.open(url);
    try {
      const { start, tune: offered } = await handshake(wire, url, options);
      const tune = { ...offered, heartbeat: 0, ...options.tune };
      await wire.writeMethod(0, "connection.tuneOk", tune);
      await wire.writeMethod(0, "connection.open", { virtualHost: options.vhost ?? vhostOf(url) });
      await wire.readMethod("connection.openOk");
      return new RawClient(wire, start.serverProperties, tune);
    } catch (error) {
      await wire[Symbol.asyncDispose]();
      throw error;
    }
  }

  get frameMax(): number {
    return this.tune.frameMax;
  }

  /** Opens the next channel, or that of the number. */
  async channel(number: number = this.#lastChannel + 1): Promise<RawChannel> {
    const channel = this.attach(number);
    await channel.call("channel.open");
    return channel;
  }

  /** Takes what comes on a channel number without opening it. */
  attach(number: number): RawChannel {
    const channel = new RawChannel(number, this);
    this.#lastChannel = number;
    this.#channels.set(number, channel);
    return channel;
  }

  sendMethod<M extends MethodName>(channel: number, name: M, values: MethodInput<M> = {}): Promise<void> {
    return this.#wire.writeMethod(channel, name, values);
  }

  sendFrame(type: number, channel: number, payload: Uint8Array): Promise<void> {
    return this.#wire.writeFrame(type, channel, payload);
  }

  sendRaw(bytes: Uint8Array): Promise<void> {
    return this.#wire.write(bytes);
  }

  /** Sends a method on channel 0 and waits for the method `reply` there. */
  async call<M extends MethodName, R extends MethodName>(
    name: M,
    values: MethodInput<M>,
    reply: R,
  ): Promise<MethodArguments<R>> {
    await this.sendMethod(0, name, values);
    const method = await this.#replies.next(DEFAULT_TIMEOUT);
    if (method.name !== reply) throw new Error(`Expected ${reply}, got ${method.name}`);
    return method.arguments as MethodArguments<R>;
  }

  /** Closes as the protocol wants it, and waits for the answer and for the end of the TCP connection. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      await this.call("connection.close", { replyCode: 200, replyText: "Goodbye" }, "connection.closeOk");
    }
    await this[Symbol.asyncDispose]();
  }

  /** Ends the TCP connection without a word. */
  drop(): void {
    this.#wire.close();
  }

  /** Waits for the broker to close the connection, with this code and because of this method, where given. */
  async expectClose(code?: number, method?: MethodName | [number, number]): Promise<CloseReason> {
    const reason = await this.#closes.next(DEFAULT_TIMEOUT);
    return checkReason("connection", reason, code, typeof method === "string" ? methodIds(method) : method);
  }

  /** Resolves when the TCP connection has ended. */
  async ended(timeout = DEFAULT_TIMEOUT): Promise<void> {
    await this.#wire.readEnd(timeout);
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await this.#wire[Symbol.asyncDispose]();
    await this.#running;
  }

  async #run(): Promise<void> {
    let why: Error = new Disconnected("The TCP connection has ended");
    try {
      for (;;) {
        const frame = await this.#wire.readFrame(Infinity);
        if (!frame) break;
        this.#receive(frame);
      }
    } catch (error) {
      why = error as Error;
    }
    this.#fail(why);
  }

  #receive({ type, channel, payload }: Frame): void {
    this.frames.push({ type, channel, size: payload.length });
    if (type === FRAME_HEARTBEAT) return;
    if (channel === 0) return this.#receiveOwn(decodeMethod(payload));
    const target = this.#channels.get(channel);
    if (!target) throw new Error(`A frame came on channel ${channel}, which is not open`);
    if (type === FRAME_METHOD) target.receiveMethod(decodeMethod(payload));
    else if (type === FRAME_HEADER) target.receiveHeader(payload);
    else if (type === FRAME_BODY) target.receiveBody(payload);
    else throw new Error(`A frame came with the unknown type ${type}`);
  }

  #receiveOwn(method: AnyMethod): void {
    if (method.name !== "connection.close") return this.#replies.put(method);
    const reason = method.arguments as unknown as CloseReason;
    this.#closing = true;
    this.#closes.put(reason);
    this.#fail(new ConnectionClosed(reason));
    this.sendMethod(0, "connection.closeOk");
  }

  #fail(error: Error): void {
    for (const channel of this.#channels.values()) channel.fail(error);
    this.#replies.fail(error);
    this.#closes.fail(error);
  }
}
