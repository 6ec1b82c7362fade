import { joined } from "../protocol/joined.ts";
import { decodeText } from "../../base/utf8.ts";
import { editHeader, type HeaderEdit, type Properties, readHeaders, scanProperties } from "../protocol/properties.ts";
import type { FieldTable } from "../protocol/table.ts";
import { shortStringBytes } from "../protocol/writer.ts";
import type { Location } from "../store/segments.ts";

const LETTER_C = 67;
const DEATH = new TextEncoder().encode("-death");
/**
 * Memory that a waiting message needs in addition to its content and address: the objects of message, entry and
 * properties, and the buffer's overhead. Measured: 600,000 empty messages took 450 MB.
 */
const OVERHEAD = 700;

/** Memory of a waiting message, from the bytes of its content and of its encoded address. */
export function weightOf(content: number, address: number): number {
  return OVERHEAD + content + address;
}

/** Where a message was published, as text and as the encoded bytes that its deliveries contain. */
export class Address {
  readonly exchange: string;
  readonly routingKey: string;
  /** Exchange and routing key, encoded as two short strings. */
  readonly bytes: Uint8Array;

  constructor(exchange: string, routingKey: string, bytes?: Uint8Array) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.bytes = bytes ?? joined([shortStringBytes(exchange), shortStringBytes(routingKey)]);
  }

  static decode(bytes: Uint8Array): Address {
    const split = bytes[0] + 1;
    return new Address(decodeText(bytes, 1, split), decodeText(bytes, split + 1, bytes.length), bytes);
  }
}

/**
 * A published message. The content header keeps its original bytes and is delivered with them, so nothing is lost, and
 * unused properties cost no decoding.
 */
export class Message {
  readonly address: Address;
  /** The content header's payload, followed by the body. */
  readonly content: Uint8Array;
  readonly headerLength: number;
  /** The location of its content on disk, if that is in a segment file. */
  location: Location | undefined;
  #properties: Properties | undefined;

  constructor(address: Address, content: Uint8Array, headerLength: number, properties?: Properties) {
    this.address = address;
    this.content = content;
    this.headerLength = headerLength;
    this.#properties = properties;
  }

  get properties(): Properties {
    return this.#properties ??= scanProperties(this.content, this.headerLength);
  }

  get persistent(): boolean {
    return this.properties.deliveryMode === 2;
  }

  /** Size of the body in bytes, for the length limits. */
  get bodySize(): number {
    return this.content.length - this.headerLength;
  }

  /** Bytes of memory while it waits. Decides when it is moved to disk. */
  get weight(): number {
    return weightOf(this.content.length, this.address.bytes.length);
  }

  headers(): FieldTable {
    return readHeaders(this.content, this.properties);
  }

  headerBytes(): Uint8Array {
    return this.content.subarray(this.properties.headersStart, this.properties.headersEnd);
  }

  /** A cheap test for CC and BCC headers: the header bytes contain two consecutive Cs. */
  get mayHaveCopies(): boolean {
    const { headersStart, headersEnd } = this.properties;
    for (let at = headersStart + 1; at < headersEnd; at++) {
      if (this.content[at] === LETTER_C && this.content[at - 1] === LETTER_C) return true;
    }
    return false;
  }

  /** Whether the message has died before: only then does a header's name contain `-death`. */
  get mayHaveDied(): boolean {
    const { content, properties: { headersStart, headersEnd } } = this;
    for (let at = headersStart; at + DEATH.length <= headersEnd; at++) {
      let same = 0;
      while (same < DEATH.length && content[at + same] === DEATH[same]) same++;
      if (same === DEATH.length) return true;
    }
    return false;
  }

  /** Whether it has headers, and no expiration, which would act on a copy again. */
  get canHaveMore(): boolean {
    return this.properties.headersEnd > 0 && this.properties.expiration === undefined;
  }

  /** The same message with more headers behind its own, and another address; all else byte for byte as it is. */
  withMore(more: Uint8Array, address: Address): Message {
    const { content, headerLength, properties } = this;
    const { headersStart, headersEnd } = properties;
    const longer = new Uint8Array(content.length + more.length);
    longer.set(content.subarray(0, headersEnd));
    longer.set(more, headersEnd);
    longer.set(content.subarray(headersEnd), headersEnd + more.length);
    const size = headersEnd - headersStart + more.length;
    new DataView(longer.buffer).setUint32(headersStart - 4, size);
    const known = { ...properties, headersEnd: headersEnd + more.length };
    return new Message(address, longer, headerLength + more.length, known);
  }

  /** A copy with the same body and other properties, and another address if one is given. */
  edited(edit: HeaderEdit, address: Address = this.address): Message {
    const header = editHeader(this.content, this.headerLength, edit);
    const content = new Uint8Array(header.length + this.bodySize);
    content.set(header);
    content.set(this.content.subarray(this.headerLength), header.length);
    return new Message(address, content, header.length);
  }
}
