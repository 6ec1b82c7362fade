import { Address, Message } from "../queue/message.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { CLASS } from "../protocol/constants.ts";
import { readBodySize, scanProperties } from "../protocol/properties.ts";
import { Reader } from "../protocol/reader.ts";
import { checkTable } from "../protocol/table.ts";

/** The initial buffer of a body. It grows with the data, so that the announced size alone costs no memory. */
const FIRST_ALLOCATION = 64 * 1024;

/** The arguments of so many publishes are kept. A runner's retries go to three queues in turn. */
const RECENT = 4;

interface Arguments {
  /** As they came. */
  readonly bytes: Uint8Array;
  readonly address: Address;
  readonly mandatory: boolean;
}

/** A complete `basic.publish`. */
export interface Published {
  message: Message;
  mandatory: boolean;
}

/** Assembles the publishes of one channel from their frames: method, content header, body. */
export class Publishing {
  readonly #maxSize: number;
  /** The arguments of the last publishes, the newest first: the next one mostly has some of them, and so their address. */
  readonly #recent: Arguments[] = [];
  #arguments: Arguments | undefined;
  #expected: "method" | "header" | "body" = "method";
  #content = new Uint8Array(0);
  #headerLength = 0;
  #filled = 0;
  #size = 0;

  /** `maxSize` is the largest body in bytes. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Whether the next frame must be content. */
  get pending(): boolean {
    return this.#expected !== "method";
  }

  /** Handles the arguments of `basic.publish`. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#arguments = this.#known(bytes, start, end) ?? this.#read(bytes, start, end);
    this.#expected = "header";
  }

  /** Handles a content header. It completes a message without a body. */
  header(bytes: Uint8Array, start: number, end: number): Published | undefined {
    if (this.#expected !== "header") throw AmqpError.hard("unexpectedFrame", "a content header was not expected here");
    const size = readBodySize(bytes, start, end);
    const classId = (bytes[start] << 8) | bytes[start + 1];
    if (classId !== CLASS.basic) {
      throw AmqpError.hard(
        "unexpectedFrame",
        `expected a content header for class ${CLASS.basic}, got one for class ${classId}`,
      );
    }
    this.#headerLength = this.#filled = end - start;
    this.#size = this.#headerLength + size;
    const tooLarge = size > this.#maxSize;
    this.#content = new Uint8Array(
      tooLarge ? this.#headerLength : Math.min(this.#size, this.#headerLength + FIRST_ALLOCATION),
    );
    this.#content.set(bytes.subarray(start, end));
    if (tooLarge) {
      this.#expected = "method";
      throw new AmqpError(
        "preconditionFailed",
        `message size ${size} is larger than configured max size ${this.#maxSize}`,
      );
    }
    this.#expected = "body";
    return this.#filled === this.#size ? this.#complete() : undefined;
  }

  /** Handles a part of the body. The last part completes the message. */
  body(bytes: Uint8Array, start: number, end: number): Published | undefined {
    if (this.#expected !== "body") throw AmqpError.hard("unexpectedFrame", "a content body was not expected here");
    const filled = this.#filled + end - start;
    if (filled > this.#size) throw AmqpError.hard("unexpectedFrame", "a content body is longer than its header says");
    if (filled > this.#content.length) {
      const grown = new Uint8Array(Math.min(this.#size, Math.max(filled, this.#content.length * 2)));
      grown.set(this.#content.subarray(0, this.#filled));
      this.#content = grown;
    }
    this.#content.set(bytes.subarray(start, end), this.#filled);
    this.#filled = filled;
    return filled === this.#size ? this.#complete() : undefined;
  }

  #complete(): Published {
    this.#expected = "method";
    const content = this.#content;
    const properties = scanProperties(content, this.#headerLength);
    // Checked here, where the sender gets the error. Later readers could not report it.
    if (properties.headersEnd > 0) checkTable(content.subarray(properties.headersStart, properties.headersEnd));
    return {
      message: new Message(this.#arguments!.address, content, this.#headerLength, properties),
      mandatory: this.#arguments!.mandatory,
    };
  }

  #known(bytes: Uint8Array, start: number, end: number): Arguments | undefined {
    for (const known of this.#recent) if (isSame(known.bytes, bytes, start, end)) return known;
    return undefined;
  }

  #read(bytes: Uint8Array, start: number, end: number): Arguments {
    const reader = new Reader(bytes, start, end);
    reader.u16();
    const exchange = reader.shortString();
    const routingKey = reader.shortString();
    const addressEnd = reader.offset;
    const flags = reader.u8();
    if (flags & 2) throw AmqpError.hard("notImplemented", "immediate=true");
    const address = new Address(exchange, routingKey, bytes.slice(start + 2, addressEnd));
    const read = { bytes: bytes.slice(start, end), address, mandatory: (flags & 1) !== 0 };
    this.#recent.unshift(read);
    if (this.#recent.length > RECENT) this.#recent.pop();
    return read;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
