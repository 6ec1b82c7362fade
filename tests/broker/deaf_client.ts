import { encodeMethod, type MethodInput, type MethodName } from "../support/amqp/methods.ts";
import { encodeProperties, type PropertiesInput } from "../support/amqp/raw_codec.ts";
import { ByteWriter } from "../support/amqp/byte_writer.ts";
import { encodeFrame, FRAME_BODY, FRAME_HEADER, FRAME_METHOD, PROTOCOL_HEADER } from "../support/amqp/wire.ts";
import { joined } from "./fuzz_frames.ts";

export function methodFrame<M extends MethodName>(channel: number, name: M, values: MethodInput<M> = {}): Uint8Array {
  return encodeFrame(FRAME_METHOD, channel, encodeMethod(name, values));
}

/** The frames of a message, its body in one of them. */
export function publishFrames(
  target: MethodInput<"basic.publish">,
  body: Uint8Array,
  properties: PropertiesInput = {},
): Uint8Array {
  const header = new ByteWriter();
  header.short(60);
  header.short(0);
  header.longlong(body.length);
  header.raw(encodeProperties(properties));
  return joined([
    methodFrame(1, "basic.publish", target),
    encodeFrame(FRAME_HEADER, 1, header.take()),
    ...(body.length > 0 ? [encodeFrame(FRAME_BODY, 1, body)] : []),
  ]);
}

/** What opens a connection and channel 1, without a look at what the broker says. */
export const OPENING: Uint8Array = joined([
  PROTOCOL_HEADER,
  methodFrame(0, "connection.startOk", {
    clientProperties: {},
    mechanism: "PLAIN",
    response: "\0guest\0guest",
    locale: "en_US",
  }),
  methodFrame(0, "connection.tuneOk", { channelMax: 2047, frameMax: 131_072 }),
  methodFrame(0, "connection.open", { virtualHost: "/" }),
  methodFrame(1, "channel.open"),
]);

/** A client that looks at nothing of what it is sent, and reads it only where it is told to. */
export class DeafClient implements Disposable {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(url: string): Promise<DeafClient> {
    const { hostname, port } = new URL(url);
    const client = new DeafClient(await Deno.connect({ hostname, port: Number(port) }));
    await client.send(OPENING);
    return client;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#connection.write(bytes.subarray(sent));
  }

  /** Sends the bytes again and again, up to `most` times, until the broker takes no more for a while; how often it did. */
  async flood(bytes: Uint8Array, most: number, patience = 1_000): Promise<number> {
    for (let times = 0; times < most; times++) {
      const { promise: late, resolve } = Promise.withResolvers<"late">();
      const timer = setTimeout(() => resolve("late"), patience);
      const sending = this.send(bytes);
      sending.catch(() => {});
      const outcome = await Promise.race([sending, late]);
      clearTimeout(timer);
      if (outcome === "late") return times;
    }
    return most;
  }

  /** Reads and drops what the broker sends, up to its end. */
  async drop(): Promise<void> {
    const buffer = new Uint8Array(256 * 1024);
    while (await this.#connection.read(buffer) !== null);
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
