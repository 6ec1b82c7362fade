import { FRAME, METHOD, PROTOCOL_HEADER } from "../../lib/broker/protocol/constants.ts";
import { Reader } from "../../lib/broker/protocol/reader.ts";
import { Writer } from "../../lib/broker/protocol/writer.ts";

/** A frame that came in; the payload is from `start` to `end`. */
type OnFrame = (type: number, bytes: Uint8Array, start: number, end: number) => void;

/**
 * The least that can load a broker: frames are made once and sent in large writes, and of what comes back only
 * the method is looked at. So the figures are the broker's, and not a client's.
 */
export class LoadClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(256 * 1024);
  #filled = 0;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** A connection with channel 1 open. */
  static async connect(url: string): Promise<LoadClient> {
    const { hostname, port, username, password } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port || 5672) });
    connection.setNoDelay(true);
    const client = new LoadClient(connection);
    await client.write(PROTOCOL_HEADER);
    await client.until(METHOD.connectionStart);
    const response = `\0${username || "guest"}\0${password || "guest"}`;
    await client.call(METHOD.connectionStartOk, METHOD.connectionTune, 0, (writer) => {
      writer.table({}).shortString("PLAIN").longString(response).shortString("en_US");
    });
    await client.send(METHOD.connectionTuneOk, 0, (writer) => void writer.u16(2047).u32(131_072).u16(0));
    await client.call(METHOD.connectionOpen, METHOD.connectionOpenOk, 0, (writer) => {
      writer.shortString("/").shortString("").u8(0);
    });
    await client.call(METHOD.channelOpen, METHOD.channelOpenOk, 1, (writer) => void writer.shortString(""));
    return client;
  }

  async declare(queue: string): Promise<void> {
    await this.call(METHOD.queueDeclare, METHOD.queueDeclareOk, 1, (writer) => {
      writer.u16(0).shortString(queue).u8(2).table({});
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#connection.write(bytes.subarray(sent));
  }

  async send(method: number, channel: number, args: (writer: Writer) => void): Promise<void> {
    const writer = new Writer();
    writer.method(channel, method);
    args(writer);
    writer.end();
    await this.write(writer.finish());
  }

  async call(method: number, answer: number, channel: number, args: (writer: Writer) => void): Promise<void> {
    await this.send(method, channel, args);
    await this.until(answer);
  }

  /** Drops frames up to and with the one of that method. */
  async until(method: number): Promise<void> {
    for (let found = false; !found;) {
      await this.frames((type, bytes, start, end) => {
        if (type !== FRAME.method) return;
        const got = new Reader(bytes, start, end).u32();
        if (got === METHOD.connectionClose || got === METHOD.channelClose) {
          throw new Error(`the broker closed: ${new TextDecoder().decode(bytes.subarray(start, end))}`);
        }
        if (got === method) found = true;
      });
    }
  }

  /** Waits for more, and hands over the frames that are complete. */
  async frames(onFrame: OnFrame): Promise<void> {
    const count = await this.#connection.read(this.#buffer.subarray(this.#filled));
    if (count === null) throw new Error("the broker closed the connection");
    this.#filled += count;
    const bytes = this.#buffer;
    let at = 0;
    while (this.#filled - at >= 7) {
      const size = (bytes[at + 3] << 24) | (bytes[at + 4] << 16) | (bytes[at + 5] << 8) | bytes[at + 6];
      if (this.#filled - at < size + 8) break;
      onFrame(bytes[at], bytes, at + 7, at + 7 + size);
      at += size + 8;
    }
    bytes.copyWithin(0, at, this.#filled);
    this.#filled -= at;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** A persistent message for a queue as the frames that publish it. */
export function publishFrames(queue: string, body: Uint8Array): Uint8Array {
  const writer = new Writer(body.length + 512);
  writer.method(1, METHOD.basicPublish).u16(0).shortString("").shortString(queue).u8(0).end();
  writer.begin(FRAME.header, 1);
  writer.u16(60).u16(0).u64(body.length).u16(0x1000).u8(2).end();
  writer.frame(FRAME.body, 1, body, 0, body.length);
  return writer.finish();
}
