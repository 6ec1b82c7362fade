import { type AMQPChannel, AMQPMessage } from "@cloudamqp/amqp-client";
import { decodeText } from "../../base/utf8.ts";
import { readProperties } from "./content_header.ts";
import type { Bytes } from "./field_table.ts";

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
/** Class and method of `basic.deliver`. */
const DELIVER = (60 << 16) | 60;
/** Bytes of a frame's type, channel and size. One more byte follows the payload. */
const HEAD = 7;
const FRAME_END = 0xce;

/**
 * Reads deliveries in the place of the client, which makes a view for each frame, a text for each name and a microtask for
 * each message. Nearly all that a consumer gets are deliveries, so that this is most of what reading costs.
 */
export class DeliveryReader {
  readonly #channels: () => readonly (AMQPChannel | undefined)[];
  /** The incomplete delivery of each channel. */
  readonly #open: (AMQPMessage | undefined)[] = [];
  readonly #consumerTag = new Repeated();
  readonly #exchange = new Repeated();
  readonly #routingKey = new Repeated();

  /** @param channels the client's channels, by number */
  constructor(channels: () => readonly (AMQPChannel | undefined)[]) {
    this.#channels = channels;
  }

  /**
   * Takes a frame if it belongs to a delivery; false where it is for the client.
   *
   * @throws {RangeError} for a frame that cannot be read
   */
  take(from: Bytes, at: number, size: number): boolean {
    const type = from.bytes[at];
    const id = from.view.getUint16(at + 1);
    if (type === METHOD) {
      if (size < HEAD + 5 || from.view.getUint32(at + HEAD) !== DELIVER) return false;
      const channel = this.#channels()[id];
      if (!channel) return false;
      checkEnd(from, at, size);
      this.#open[id] = this.#begin(channel, from, at + HEAD + 4, at + size - 1);
      return true;
    }
    const message = this.#open[id];
    if (!message || (type !== HEADER && type !== BODY)) return false;
    this.#open[id] = undefined;
    // The channel was closed meanwhile, and its number belongs to another one.
    if (this.#channels()[id] !== message.channel) return false;
    checkEnd(from, at, size);
    const whole = type === HEADER ? readHeader(message, from, at, size) : readBody(message, from, at, size);
    if (whole) deliver(message);
    else this.#open[id] = message;
    return true;
  }

  #begin(channel: AMQPChannel, from: Bytes, start: number, end: number): AMQPMessage {
    const message = new AMQPMessage(channel);
    let at = start;
    message.consumerTag = this.#consumerTag.read(from, at, end);
    at += 1 + from.bytes[at];
    message.deliveryTag = number64(from, at);
    message.redelivered = from.bytes[at + 8] === 1;
    at += 9;
    message.exchange = this.#exchange.read(from, at, end);
    at += 1 + from.bytes[at];
    message.routingKey = this.#routingKey.read(from, at, end);
    return message;
  }
}

/** Decodes a short text. Usually it equals the previous one in its place. */
class Repeated {
  readonly #bytes = new Uint8Array(255);
  #length = 0;
  #text = "";

  /** @throws {RangeError} for a text that ends behind `end` */
  read({ bytes }: Bytes, at: number, end: number): string {
    const length = bytes[at];
    const start = at + 1;
    if (start + length > end) throw new RangeError(`a text of ${length} bytes at ${at} is beyond its frame`);
    let same = length === this.#length;
    for (let i = 0; same && i < length; i++) same = bytes[start + i] === this.#bytes[i];
    if (same) return this.#text;
    this.#text = decodeText(bytes, start, start + length);
    this.#length = length;
    for (let i = 0; i < length; i++) this.#bytes[i] = bytes[start + i];
    return this.#text;
  }
}

/** Private parts of the client's message. */
interface Internals {
  bodySize: number;
  bodyPos: number;
  _rawBytes: Uint8Array | null;
}

/** Returns whether the message is complete, since it has no body. */
function readHeader(message: AMQPMessage, from: Bytes, at: number, size: number): boolean {
  const start = at + HEAD;
  if (size < HEAD + 13) throw new RangeError(`a content header of ${size} bytes has no place for its size`);
  message.bodySize = number64(from, start + 4);
  message.properties = readProperties(from, start + 12, at + size - 1);
  if (message.bodySize > 0) return false;
  fill(message, new Uint8Array(0));
  return true;
}

/** Returns whether the message is complete. Copies the bytes, since the next read overwrites them. */
function readBody(message: AMQPMessage, { bytes }: Bytes, at: number, size: number): boolean {
  const [start, end] = [at + HEAD, at + size - 1];
  const internals = message as unknown as Internals;
  const { bodySize, bodyPos } = internals;
  if (bodyPos + end - start > bodySize) throw new RangeError(`a body is longer than its ${bodySize} bytes`);
  if (end - start === bodySize) {
    fill(message, bytes.slice(start, end));
    return true;
  }
  internals._rawBytes ??= new Uint8Array(bodySize);
  internals._rawBytes.set(bytes.subarray(start, end), bodyPos);
  internals.bodyPos += end - start;
  if (internals.bodyPos < bodySize) return false;
  fill(message, internals._rawBytes);
  return true;
}

function fill(message: AMQPMessage, body: Uint8Array): void {
  (message as unknown as Internals)._rawBytes = body;
  message.body = body;
}

/** Deliveries may arrive before the client has registered their consumer. Both wait for a microtask. */
function deliver(message: AMQPMessage): void {
  const { channel } = message;
  const consumer = channel.consumers.get(message.consumerTag);
  if (!consumer) return (channel as unknown as { deliver(message: AMQPMessage): void }).deliver(message);
  const handled = consumer.onMessage(message);
  if (handled instanceof Promise) handled.catch(() => {});
}

function number64({ view }: Bytes, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

function checkEnd({ bytes }: Bytes, at: number, size: number): void {
  const end = bytes[at + size - 1];
  if (end !== FRAME_END) throw new RangeError(`a frame ends with ${end} instead of ${FRAME_END}`);
}
