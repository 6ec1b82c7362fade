import type { AMQPProperties } from "@cloudamqp/amqp-client";
import { decodedProperty, PROPERTIES, type PropertyType, type Received, receivedOf } from "./content_header.ts";
import { WireWriter } from "./wire_writer.ts";

/** Writes the properties to `view` and gives how many bytes they have. @throws {RangeError} where there is no room */
export function writeProperties(view: DataView, offset: number, properties: AMQPProperties): number {
  const writer = new WireWriter(view);
  writer.at = offset;
  putProperties(writer, properties);
  return writer.at - offset;
}

/** Writes the properties, as the bytes that they were received as where they are still the same. */
export function putProperties(writer: WireWriter, properties: AMQPProperties): void {
  const received = receivedOf(properties);
  const start = writer.at;
  let flags = 0;
  writer.at += 2;
  for (let index = 0; index < PROPERTIES.length; index++) {
    const { name, type, flag } = PROPERTIES[index];
    const value = decodedProperty(properties, name);
    const before = writer.at;
    if (type === "table") {
      if (value) putHeaders(writer, value as Record<string, unknown>, received);
    } else if (!received?.copy(writer, index, value) && value !== undefined && value !== null) {
      putValue(writer, type, value);
    }
    if (writer.at > before) flags |= flag;
  }
  writer.view.setUint16(start, flags);
}

function putValue(writer: WireWriter, type: PropertyType, value: unknown): void {
  if (type === "octet") writer.octet(value as number);
  else if (type === "timestamp") writer.timestamp(value as Date);
  else writer.shortString(value as string);
}

/** What is as it came first, in its order. */
function putHeaders(writer: WireWriter, headers: Record<string, unknown>, received: Received | undefined): void {
  const kept = received?.headers(headers) ?? [];
  if (kept.length === 0) return writer.table(headers);
  const start = writer.at;
  writer.at += 4;
  const names = new Set<string>();
  for (const { name, bytes } of kept) {
    writer.raw(bytes);
    names.add(name);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !names.has(name)) writer.field(name, value);
  }
  writer.endSize(start);
}
