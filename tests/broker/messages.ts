import { DatabaseSync } from "node:sqlite";
import { Entry } from "../../lib/broker/queue/entry.ts";
import { Address, Message } from "../../lib/broker/queue/message.ts";
import { Database, type DatabaseOptions } from "../../lib/broker/store/database.ts";
import { ByteWriter } from "../support/amqp/byte_writer.ts";
import { encodeProperties, type PropertiesInput } from "../support/amqp/raw_codec.ts";

/** A content header as it comes in its frame. */
export function contentHeader(size: number, properties: PropertiesInput = {}): Uint8Array {
  const writer = new ByteWriter();
  writer.short(60);
  writer.short(0);
  writer.longlong(size);
  writer.raw(encodeProperties(properties));
  return writer.take();
}

export function makeMessage(
  body: string | Uint8Array,
  properties: PropertiesInput = {},
  { exchange = "", routingKey = "q" } = {},
): Message {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const header = contentHeader(bytes.length, properties);
  const content = new Uint8Array(header.length + bytes.length);
  content.set(header);
  content.set(bytes, header.length);
  return new Message(new Address(exchange, routingKey), content, header.length);
}

export function makeEntry(position: number, body = `${position}`, properties: PropertiesInput = {}): Entry {
  const message = makeMessage(body, properties);
  return new Entry(position, message, message.bodySize, 0);
}

export function bodyOf(message: Message): string {
  return new TextDecoder().decode(message.content.subarray(message.headerLength));
}

/** A database in memory, and SQLite's own view of it. */
export function memoryDatabase(options?: DatabaseOptions): { database: Database; sqlite: DatabaseSync } & Disposable {
  const sqlite = new DatabaseSync(":memory:");
  const database = new Database(sqlite, options);
  return { database, sqlite, [Symbol.dispose]: () => database.close() };
}

/** Lets a database have no page more than it has, or as many as it wants. */
export function limitPages(sqlite: DatabaseSync, limited: boolean): void {
  const { page_count: pages } = sqlite.prepare("PRAGMA page_count").get() as { page_count: number };
  sqlite.exec(`PRAGMA max_page_count = ${limited ? pages : 1_000_000}`);
}
