import { LARGE } from "../../client/coalesce_writes.ts";
import { putProperties } from "../../message/write_properties.ts";
import { WireWriter } from "../../message/wire_writer.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
/** Type, channel and size before the payload of a frame, and one byte behind it. */
const HEAD = 7;
const AROUND = HEAD + 1;
/** Class and method of `basic.publish`, and the class of its content header. */
const PUBLISH = (60 << 16) | 40;
const BASIC = 60;
/** A method frame with two texts of 255 bytes, and more. */
const METHOD_ROOM = 1_024;
/** As a frame is allowed to be where a broker names no limit. */
const UNLIMITED = 131_072;

/**
 * Encodes publishes as frames, all of them into the same buffer. The client's own way takes a promise chain and a view for
 * each of them.
 */
export class PublishFrames {
  readonly #frameMax: number;
  readonly #writer: WireWriter;

  /** @param frameMax bytes, as agreed with the broker; 0 is no limit */
  constructor(frameMax: number) {
    this.#frameMax = frameMax || UNLIMITED;
    this.#writer = new WireWriter(new DataView(new ArrayBuffer(METHOD_ROOM + this.#frameMax)));
  }

  /**
   * A publish as bytes. They are overwritten by the next one, unless they are so many that a client would not copy them:
   * then they have a buffer of their own.
   *
   * @throws {RangeError} where its headers do not fit into a frame, and {Error} for what AMQP cannot express
   */
  encode(channel: number, message: OutgoingMessage, mandatory: boolean): Uint8Array {
    const writer = this.#writer;
    writer.at = 0;
    this.#method(channel, message, mandatory);
    this.#header(channel, message);
    const { body } = message;
    const most = this.#frameMax - AROUND;
    const size = writer.at + body.length + AROUND * Math.ceil(body.length / most);
    if (size <= Math.min(LARGE, writer.bytes.length)) {
      putBody(writer, channel, body, most);
      return writer.bytes.subarray(0, writer.at);
    }
    const large = new WireWriter(new DataView(new ArrayBuffer(size)));
    large.raw(writer.bytes, 0, writer.at);
    putBody(large, channel, body, most);
    return large.bytes;
  }

  #method(channel: number, { exchange, routingKey }: OutgoingMessage, mandatory: boolean): void {
    const writer = this.#writer;
    begin(writer, METHOD, channel);
    writer.long(PUBLISH);
    writer.short(0);
    writer.shortString(exchange);
    writer.shortString(routingKey);
    writer.octet(mandatory ? 1 : 0);
    end(writer, 0);
  }

  #header(channel: number, { body, properties }: OutgoingMessage): void {
    const writer = this.#writer;
    const start = writer.at;
    begin(writer, HEADER, channel);
    writer.short(BASIC);
    writer.short(0);
    writer.long(Math.floor(body.length / 2 ** 32));
    writer.long(body.length >>> 0);
    putProperties(writer, properties);
    end(writer, start);
    const length = writer.at - start;
    if (length <= this.#frameMax) return;
    throw new RangeError(`properties and headers of ${length} bytes do not fit into a frame of ${this.#frameMax}`);
  }
}

function putBody(writer: WireWriter, channel: number, body: Uint8Array, most: number): void {
  for (let at = 0; at < body.length; at += most) {
    const start = writer.at;
    begin(writer, BODY, channel);
    writer.raw(body, at, Math.min(at + most, body.length));
    end(writer, start);
  }
}

function begin(writer: WireWriter, type: number, channel: number): void {
  writer.octet(type);
  writer.short(channel);
  writer.long(0);
}

function end(writer: WireWriter, start: number): void {
  writer.view.setUint32(start + 3, writer.at - start - HEAD);
  writer.octet(FRAME_END);
}
