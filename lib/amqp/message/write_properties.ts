import type { AMQPProperties } from "@cloudamqp/amqp-client";
import type { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { decodedProperty, PROPERTIES, type PropertyType, type Received, receivedOf } from "./content_header.ts";

/** Writes the properties to `view` and returns their size in bytes. @throws {RangeError} if there is no room */
export function writeProperties(view: AMQPView, offset: number, properties: AMQPProperties): number {
  const received = receivedOf(properties);
  const writer = new Writer(view, offset + 2);
  let flags = 0;
  for (const { name, type, flag } of PROPERTIES) {
    const value = decodedProperty(properties, name);
    const before = writer.at;
    if (type === "table") {
      if (value) writer.table(value as Record<string, unknown>, received);
    } else {
      const bytes = received?.property(name, value);
      if (bytes) writer.raw(bytes);
      else if (value !== undefined && value !== null) writer.value(type, value);
    }
    if (writer.at > before) flags |= flag;
  }
  view.setUint16(offset, flags);
  return writer.at - offset;
}

class Writer {
  readonly #view: AMQPView;
  at: number;

  constructor(view: AMQPView, at: number) {
    this.#view = view;
    this.at = at;
  }

  raw(bytes: Uint8Array): void {
    new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.#view.byteLength).set(bytes, this.at);
    this.at += bytes.length;
  }

  value(type: PropertyType, value: unknown): void {
    if (type === "octet") this.#view.setUint8(this.at++, value as number);
    else if (type === "timestamp") {
      this.#view.setBigInt64(this.at, BigInt(Math.floor(Number(value) / 1000)));
      this.at += 8;
    } else this.at += this.#view.setShortString(this.at, value as string);
  }

  /** Writes the unchanged headers first, in their order. */
  table(headers: Record<string, unknown>, received: Received | undefined): void {
    const start = this.at;
    this.at += 4;
    const kept = received?.headers(headers) ?? [];
    const names = new Set<string>();
    for (const { name, bytes } of kept) {
      this.raw(bytes);
      names.add(name);
    }
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || names.has(name)) continue;
      this.at += this.#view.setShortString(this.at, name);
      this.at += this.#view.setField(this.at, value as object);
    }
    this.#view.setUint32(start, this.at - start - 4);
  }
}
