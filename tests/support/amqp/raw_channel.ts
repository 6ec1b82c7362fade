import { ByteReader } from "./byte_reader.ts";
import { ByteWriter, toBytes } from "./byte_writer.ts";
import { ChannelClosed, checkReason, type CloseReason, Disconnected } from "./closed.ts";
import { Mailbox } from "./mailbox.ts";
import {
  type AnyMethod,
  type MethodArguments,
  methodIds,
  type MethodInput,
  type MethodName,
  type ReplyName,
  type Request,
} from "./methods.ts";
import {
  decodeProperties,
  encodeProperties,
  type PlainTable,
  plainTable,
  type Properties,
  type PropertiesInput,
} from "./raw_codec.ts";
import { DEFAULT_TIMEOUT, FRAME_BODY, FRAME_HEADER } from "./wire.ts";

/** The side of a connection that a channel needs. */
export interface ChannelTransport {
  readonly frameMax: number;
  sendMethod<M extends MethodName>(channel: number, name: M, values: MethodInput<M>): Promise<void>;
  sendFrame(type: number, channel: number, payload: Uint8Array): Promise<void>;
}

/** A method with the content that followed it. */
class Content {
  constructor(readonly propertyBytes: Uint8Array, readonly body: Uint8Array) {}

  get properties(): Properties {
    return decodeProperties(this.propertyBytes);
  }

  /** The headers without their wire types. */
  get headers(): PlainTable {
    return plainTable(this.properties.headers ?? {});
  }

  get text(): string {
    return new TextDecoder().decode(this.body);
  }
}

export class Delivery extends Content {
  constructor(readonly envelope: MethodArguments<"basic.deliver">, propertyBytes: Uint8Array, body: Uint8Array) {
    super(propertyBytes, body);
  }

  get tag(): number {
    return this.envelope.deliveryTag;
  }

  get redelivered(): boolean {
    return this.envelope.redelivered;
  }

  get consumerTag(): string {
    return this.envelope.consumerTag;
  }
}

export class Got extends Content {
  constructor(readonly envelope: MethodArguments<"basic.getOk">, propertyBytes: Uint8Array, body: Uint8Array) {
    super(propertyBytes, body);
  }

  get tag(): number {
    return this.envelope.deliveryTag;
  }

  get redelivered(): boolean {
    return this.envelope.redelivered;
  }
}

export class Returned extends Content {
  constructor(readonly envelope: MethodArguments<"basic.return">, propertyBytes: Uint8Array, body: Uint8Array) {
    super(propertyBytes, body);
  }
}

export interface Confirmation {
  kind: "ack" | "nack";
  deliveryTag: number;
  multiple: boolean;
}

export interface PublishTarget {
  exchange?: string;
  routingKey?: string;
  mandatory?: boolean;
  immediate?: boolean;
}

const WITH_CONTENT = new Set<MethodName>(["basic.deliver", "basic.return", "basic.getOk"]);

interface PendingContent {
  method: AnyMethod;
  size?: number;
  propertyBytes: Uint8Array;
  body: ByteWriter;
  have: number;
}

interface Reply {
  method: AnyMethod;
  content?: { propertyBytes: Uint8Array; body: Uint8Array };
}

/** One channel: what it is told it sends as it is, even where it is wrong. */
export class RawChannel {
  readonly deliveries: Mailbox<Delivery>;
  readonly returns: Mailbox<Returned>;
  readonly confirmations: Mailbox<Confirmation>;
  readonly cancels: Mailbox<MethodArguments<"basic.cancel">>;
  /** The names of all methods that came, in their order. */
  readonly arrived: MethodName[] = [];
  readonly #replies: Mailbox<Reply>;
  readonly #closes: Mailbox<CloseReason>;
  readonly #transport: ChannelTransport;
  #pending: PendingContent | undefined;
  #selected: Promise<unknown> | undefined;
  #published = 0;

  constructor(readonly number: number, transport: ChannelTransport) {
    this.#transport = transport;
    const mailbox = <T>(what: string) => new Mailbox<T>(`${what} on channel ${number}`);
    this.deliveries = mailbox("a delivery");
    this.returns = mailbox("a returned message");
    this.confirmations = mailbox("a confirmation");
    this.cancels = mailbox("a cancel by the broker");
    this.#replies = mailbox("a reply");
    this.#closes = mailbox("the broker to close the channel");
  }

  send<M extends MethodName>(name: M, values: MethodInput<M> = {}): Promise<void> {
    return this.#transport.sendMethod(this.number, name, values);
  }

  /** Sends a method and gives the arguments of its `-ok`; rejects with ChannelClosed or ConnectionClosed. */
  async call<M extends Request>(
    name: M,
    values: MethodInput<M> = {},
    timeout = DEFAULT_TIMEOUT,
  ): Promise<MethodArguments<ReplyName<M>>> {
    await this.send(name, values);
    const { method } = await this.#reply(name, timeout);
    if (method.name !== `${name}Ok`) throw new Error(`Expected the reply to ${name}, got ${method.name}`);
    return method.arguments as MethodArguments<ReplyName<M>>;
  }

  /** One message, or undefined for `get-empty`. */
  async get(queue: string, noAck = false): Promise<Got | undefined> {
    await this.send("basic.get", { queue, noAck });
    const { method, content } = await this.#reply("basic.get", DEFAULT_TIMEOUT);
    if (method.name === "basic.getEmpty") return undefined;
    if (!content) throw new Error(`Expected the reply to basic.get, got ${method.name}`);
    return new Got(method.arguments as MethodArguments<"basic.getOk">, content.propertyBytes, content.body);
  }

  /** As `get`, for a message that has to be there. */
  async mustGet(queue: string, noAck = false): Promise<Got> {
    const got = await this.get(queue, noAck);
    if (!got) throw new Error(`Expected a message in ${queue}, it is empty`);
    return got;
  }

  /** Sends a content, its body in frames as large as the connection allows. */
  async publish(
    target: PublishTarget,
    body: string | Uint8Array = "",
    properties: PropertiesInput | Uint8Array = {},
  ): Promise<void> {
    const bytes = toBytes(body);
    const sent = [this.send("basic.publish", target), this.sendHeader(bytes.length, properties)];
    const room = this.#transport.frameMax > 0 ? this.#transport.frameMax - 8 : Infinity;
    for (let start = 0; start < bytes.length; start += room) {
      sent.push(this.sendBody(bytes.subarray(start, Math.min(start + room, bytes.length))));
    }
    await Promise.all(sent);
  }

  /** As `publish`, then waits for the confirm; the first call turns confirms on. */
  async publishConfirmed(...message: Parameters<RawChannel["publish"]>): Promise<Confirmation> {
    this.#selected ??= this.call("confirm.select");
    await this.#selected;
    const tag = ++this.#published;
    await this.publish(...message);
    return await this.confirmed(tag);
  }

  /** A content header frame, with properties as values or as the bytes on the wire. */
  sendHeader(size: number, properties: PropertiesInput | Uint8Array = {}, classId = 60): Promise<void> {
    const writer = new ByteWriter();
    writer.short(classId);
    writer.short(0);
    writer.longlong(size);
    writer.raw(properties instanceof Uint8Array ? properties : encodeProperties(properties));
    return this.#transport.sendFrame(FRAME_HEADER, this.number, writer.take());
  }

  sendBody(bytes: Uint8Array): Promise<void> {
    return this.#transport.sendFrame(FRAME_BODY, this.number, bytes);
  }

  /** Starts a consumer and gives its tag. */
  async consume(queue: string, options: Omit<MethodInput<"basic.consume">, "queue"> = {}): Promise<string> {
    const { consumerTag } = await this.call("basic.consume", { queue, ...options });
    return consumerTag;
  }

  /** The next delivery, of one consumer where it is named. */
  nextDelivery(timeout = DEFAULT_TIMEOUT, consumerTag?: string): Promise<Delivery> {
    return this.deliveries.next(
      timeout,
      (delivery) => consumerTag === undefined || delivery.consumerTag === consumerTag,
    );
  }

  ack(deliveryTag: number, multiple = false): Promise<void> {
    return this.send("basic.ack", { deliveryTag, multiple });
  }

  nack(deliveryTag: number, options: { multiple?: boolean; requeue?: boolean } = {}): Promise<void> {
    return this.send("basic.nack", { deliveryTag, ...options });
  }

  reject(deliveryTag: number, requeue = false): Promise<void> {
    return this.send("basic.reject", { deliveryTag, requeue });
  }

  /** Waits until every publish up to `deliveryTag` is confirmed or refused, and gives what came for it. */
  async confirmed(deliveryTag: number, timeout = DEFAULT_TIMEOUT): Promise<Confirmation> {
    return await this.confirmations.next(
      timeout,
      (one) => one.deliveryTag === deliveryTag || (one.multiple && (one.deliveryTag > deliveryTag)),
    );
  }

  async close(): Promise<void> {
    await this.call("channel.close", { replyCode: 200, replyText: "" });
  }

  /** Waits for the broker to close the channel, with this code and because of this method, where given. */
  async expectClose(code?: number, method?: MethodName | [number, number]): Promise<CloseReason> {
    const reason = await this.#closes.next(DEFAULT_TIMEOUT);
    return checkReason("channel", reason, code, typeof method === "string" ? methodIds(method) : method);
  }

  /** Sends a method for which the broker has to close the channel. */
  async refused<M extends MethodName>(code: number, name: M, values: MethodInput<M> = {}): Promise<CloseReason> {
    await this.send(name, values);
    const outcome = this.#replies.next(DEFAULT_TIMEOUT).then(({ method }) => {
      throw new Error(`Expected ${name} to be refused with ${code}, got ${method.name}`);
    }, () => {});
    const reason = this.#closes.next(DEFAULT_TIMEOUT);
    reason.catch(() => {});
    await outcome;
    return checkReason("channel", await reason, code, methodIds(name));
  }

  /** Takes a frame of the broker. */
  receiveMethod(method: AnyMethod): void {
    if (this.#pending) throw new Error(`${method.name} came within the content of ${this.#pending.method.name}`);
    this.arrived.push(method.name);
    if (WITH_CONTENT.has(method.name)) {
      this.#pending = { method, propertyBytes: new Uint8Array(), body: new ByteWriter(), have: 0 };
      return;
    }
    const handler = HANDLERS[method.name];
    if (handler) handler(this, method.arguments);
    else if (method.name === "channel.close") this.#closed(method.arguments as unknown as CloseReason);
    else this.#replies.put({ method });
  }

  receiveHeader(payload: Uint8Array): void {
    const pending = this.#pending;
    if (!pending || pending.size !== undefined) throw new Error("A content header came where none was expected");
    const reader = new ByteReader(payload);
    reader.raw(4);
    pending.size = Number(reader.longlong());
    pending.propertyBytes = reader.raw(reader.left);
    this.#finishContent(pending);
  }

  receiveBody(payload: Uint8Array): void {
    const pending = this.#pending;
    if (pending?.size === undefined) throw new Error("A body came where none was expected");
    pending.body.raw(payload);
    pending.have += payload.length;
    this.#finishContent(pending);
  }

  /** Nothing more will come on this channel. */
  fail(error: Error): void {
    const boxes = [this.deliveries, this.returns, this.confirmations, this.cancels, this.#replies, this.#closes];
    for (const box of boxes) box.fail(error);
  }

  #closed(reason: CloseReason): void {
    this.#closes.put(reason);
    this.fail(new ChannelClosed(reason));
    this.send("channel.closeOk");
  }

  #finishContent(pending: PendingContent): void {
    if (pending.have < pending.size!) return;
    this.#pending = undefined;
    const { method, propertyBytes } = pending;
    const body = pending.body.take();
    if (method.name === "basic.deliver") {
      const envelope = method.arguments as MethodArguments<"basic.deliver">;
      this.deliveries.put(new Delivery(envelope, propertyBytes, body));
    } else if (method.name === "basic.return") {
      this.returns.put(new Returned(method.arguments as MethodArguments<"basic.return">, propertyBytes, body));
    } else {
      this.#replies.put({ method, content: { propertyBytes, body } });
    }
  }

  async #reply(name: MethodName, timeout: number): Promise<Reply> {
    try {
      return await this.#replies.next(timeout);
    } catch (error) {
      if (error instanceof Disconnected) throw new Disconnected(`${error.message}, ${name} has no answer`);
      throw error;
    }
  }
}

type Handler = (channel: RawChannel, values: Record<string, unknown>) => void;

function confirmation(kind: "ack" | "nack"): Handler {
  return (channel, values) => {
    const { deliveryTag, multiple } = values as MethodArguments<"basic.ack">;
    channel.confirmations.put({ kind, deliveryTag, multiple });
  };
}

/** The methods that come unasked. */
const HANDLERS: Partial<Record<MethodName, Handler>> = {
  "basic.ack": confirmation("ack"),
  "basic.nack": confirmation("nack"),
  "basic.cancel": (channel, values) => channel.cancels.put(values as MethodArguments<"basic.cancel">),
};
