import { AMQPClient, type AMQPError, AMQPWebSocketClient } from "@cloudamqp/amqp-client";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { describeError, WarrenError } from "../../base/errors.ts";
import { shownUrl, withoutLogins } from "../../base/secret_url.ts";
import { endsWithin } from "../../base/time/within.ts";
import { patchClient } from "./client_patches.ts";
import { coalesceWrites } from "./coalesce_writes.ts";
import { DeliveryReader } from "../message/delivery_reader.ts";
import { takeNack } from "../message/nack_reader.ts";
import { FrameAssembler } from "../message/frame_assembler.ts";

/** One connection to a broker, over TCP or over WebSocket. */
export type Client = AMQPClient | AMQPWebSocketClient;

export interface ClientOptions {
  /** Milliseconds. 0 means no heartbeats. */
  heartbeat: number;
  /** The connection's name in the broker's own tools. */
  name: string;
  /** Only for `ws:` and `wss:`, where the URL's path is the endpoint. @default "/" */
  vhost?: string;
  /** PEM, for `amqps:`. */
  ca?: string;
  /** Milliseconds for the handshake. @default 10_000 */
  timeout?: number;
  /** Aborts the handshake. */
  signal?: AbortSignal;
}

/** The broker's product and version. */
export interface BrokerIdentity {
  product: string;
  version: string;
}

const identities = new WeakMap<Client, BrokerIdentity>();

/** The identity of the broker at the other end of a connection. Undefined for a connection from elsewhere. */
export function brokerOf(client: Client): BrokerIdentity | undefined {
  return identities.get(client);
}

export interface OpenClient {
  client: Client;
  broker: BrokerIdentity;
  /** Resolves with the reason once the connection is gone. */
  closed: Promise<string>;
  /** Closes it: normally within 2 s, otherwise by force. */
  close(): Promise<void>;
}

/** RabbitMQ and LavinMQ offer this size. With a smaller one, the client fails on split frames. */
const FRAME_MAX = 131_072;
const HEARTBEAT_FRAME = new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0xce]);

/** Private parts of the client. */
interface Internals {
  /** Receive frames from a TCP socket and from a WebSocket. */
  onRead(bytes: Uint8Array): void;
  handleMessage(event: MessageEvent<ArrayBuffer>): void;
  parseFrames(view: AMQPView): void;
  /** Buffers for encoding messages. */
  bufferPool: AMQPView[];
  rejectConnect(error: Error): void;
}

/**
 * Connects a client object of its own, as every attempt must: one that was
 * connected before keeps its sockets and its state.
 *
 * @throws {WarrenError} `unavailable`, or `refused` when the broker answered no
 */
export async function connectClient(url: string, options: ClientOptions): Promise<OpenClient> {
  patchClient();
  const { promise: closed, resolve: markClosed } = Promise.withResolvers<string>();
  const broker: BrokerIdentity = { product: "unknown broker", version: "" };
  let client: Client;
  try {
    client = createClient(url, options);
  } catch (error) {
    throw connectError(url, error);
  }
  identities.set(client, broker);
  const internals = client as unknown as Internals;
  const destroy = (reason: string) => {
    if (client instanceof AMQPClient) client.socket?.destroy(new WarrenError("unavailable", reason));
    else (client as unknown as { socket?: WebSocket }).socket?.close();
    markClosed(reason);
  };
  let lastRead = performance.now();
  const deliveries = new DeliveryReader(() => client.channels);
  const frames = new FrameAssembler((from, at, size) => {
    if (deliveries.take(from, at, size) || takeNack(from, at, size, client.channels)) return;
    const view = new AMQPView(from.bytes.buffer as ArrayBuffer, from.bytes.byteOffset + at, size);
    identify(view, broker);
    internals.parseFrames(view);
  });
  let unreadable = false;
  const read = (bytes: Uint8Array) => {
    if (unreadable) return;
    lastRead = performance.now();
    try {
      frames.push(bytes);
    } catch (error) {
      unreadable = true;
      destroy(`the broker sent a frame that cannot be read: ${describeError(error)}`);
    }
  };
  internals.onRead = read;
  internals.handleMessage = ({ data }) => read(new Uint8Array(data));
  if (client instanceof AMQPWebSocketClient) keepFrameSized(client, internals.bufferPool);
  internals.rejectConnect = internals.rejectConnect.bind(client);
  client.onerror = () => {};
  client.ondisconnect = (error) => markClosed(error?.message ?? "the connection was closed");
  const timeout = options.timeout ?? 10_000;
  const limit = setTimeout(() => destroy(`no answer within ${timeout / 1000} s`), timeout);
  const { signal } = options;
  const abort = () => destroy("the connection was closed");
  signal?.addEventListener("abort", abort);
  try {
    await Promise.race([client.connect(), closed.then((reason) => Promise.reject(new Error(reason)))]);
  } catch (error) {
    destroy("the handshake failed");
    throw connectError(url, error);
  } finally {
    clearTimeout(limit);
    signal?.removeEventListener("abort", abort);
  }
  coalesceWrites(client);
  const stopHeartbeat = superviseHeartbeat(client, () => lastRead, destroy);
  void closed.then(stopHeartbeat);
  return { client, broker, closed, close: () => closeClient(client, destroy) };
}

/**
 * Over TCP all publishes have one buffer. Here, one that grew with a large body is not used again: it would take headers
 * that are too large for a frame, which brokers answer with the end of the connection; and it would never shrink.
 */
function keepFrameSized(client: Client, pool: AMQPView[]): void {
  pool.push = (...buffers) => {
    for (const buffer of buffers) if (buffer.byteLength === client.frameMax) pool[pool.length] = buffer;
    return pool.length;
  };
}

function createClient(url: string, options: ClientOptions): Client {
  const target = new URL(url);
  const seconds = Math.ceil(options.heartbeat / 1000);
  if (target.protocol === "ws:" || target.protocol === "wss:") {
    const { username, password } = target;
    target.username = target.password = "";
    const vhost = target.searchParams.get("vhost") ?? options.vhost ?? "/";
    target.searchParams.delete("vhost");
    return new AMQPWebSocketClient({
      url: target.href,
      vhost,
      username: decodeURIComponent(username) || "guest",
      password: decodeURIComponent(password) || "guest",
      name: options.name,
      frameMax: FRAME_MAX,
      heartbeat: seconds,
    });
  }
  // Not set if the URL has its own: other clients write `?heartbeat=5` too.
  if (!target.searchParams.has("heartbeat")) target.searchParams.set("heartbeat", String(seconds));
  if (!target.searchParams.has("name")) target.searchParams.set("name", options.name);
  target.searchParams.set("frameMax", String(FRAME_MAX));
  const client = new AMQPClient(target.href, options.ca ? { ca: options.ca } : undefined);
  // Brackets belong to the URL. A socket would take them as part of a host name that does not exist.
  (client as { host: string }).host = client.host.replace(/^\[(.*)\]$/, "$1");
  return client;
}

/** Reads product and version from `connection.start`, which the client skips. */
export function identify(view: AMQPView, broker: BrokerIdentity): void {
  const isStart = view.getUint8(0) === 1 && view.getUint16(7) === 10 && view.getUint16(9) === 10;
  if (!isStart) return;
  const [properties] = view.getTable(13);
  broker.product = String(properties.product ?? broker.product);
  broker.version = String(properties.version ?? "");
}

/**
 * Sends heartbeats, which the client only echoes, and ends a connection that has
 * been silent for two intervals, which its own idle timer does not see: what we
 * write resets it.
 */
function superviseHeartbeat(client: Client, lastRead: () => number, destroy: (reason: string) => void): () => void {
  const interval = client.heartbeat * 1000;
  if (interval === 0) return () => {};
  let lateChecks = 0;
  const timer = setInterval(() => {
    client.send(HEARTBEAT_FRAME).catch(() => {});
    const silent = performance.now() - lastRead() > 2 * interval;
    // Two late checks in a row: after a pause of this process, data may still wait to be read.
    lateChecks = silent ? lateChecks + 1 : 0;
    if (lateChecks >= 2) destroy(`the broker was silent for more than ${2 * client.heartbeat} s`);
  }, interval / 2);
  return () => clearInterval(timer);
}

/** The client's own close never settles if the socket dies first. */
async function closeClient(client: Client, destroy: (reason: string) => void): Promise<void> {
  if (!client.closed) await endsWithin(2_000, client.close().catch(() => {}));
  destroy("closed by the runner");
}

function connectError(url: string, error: unknown): WarrenError {
  const where = shownUrl(url);
  const text = error instanceof Event ? "the WebSocket could not be opened" : withoutLogins(describeError(error));
  const code = replyCode(error);
  if (code === 403) {
    return new WarrenError(
      "refused",
      `${where} refused the user name or the password, or access to the vhost: ${text}`,
    );
  }
  if (code === 530) {
    return new WarrenError("refused", `${where} has no such vhost, or the user may not use it: ${text}`);
  }
  return new WarrenError("unavailable", `cannot connect to ${where}: ${text}`);
}

/** The AMQP reply code in the text of a client error. Undefined if there is none. */
export function replyCode(error: unknown): number | undefined {
  const match = /\((\d{3})\)\s*$/.exec((error as AMQPError | undefined)?.message ?? "");
  return match ? Number(match[1]) : undefined;
}
