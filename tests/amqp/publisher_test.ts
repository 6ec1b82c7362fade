import { assertEquals } from "@std/assert";
import { Connection } from "../../lib/amqp/connection.ts";
import { Publisher } from "../../lib/amqp/publisher.ts";
import { WarrenError } from "../../lib/errors.ts";
import { Logger } from "../../lib/log.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";

/** Bytes: many small ones, some that fill a frame, and some that do not fit into one, nor into the window. */
const SIZES = [0, 1, 100, 4_000, 131_064, 131_073, 300_000];
const LARGE = 9 * 1024 * 1024;

brokerTest("messages of all sizes that are published at once arrive as they are", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("published");
  await broker.declare(queue);
  const connection = new Connection({ urls: [url], name: "test", log: new Logger({ level: "silent" }) });
  connection.start();
  const publisher = new Publisher(connection);
  const bodies = Array.from({ length: 700 }, (_, n) => bodyOf(n, n % 350 === 9 ? LARGE : SIZES[n % SIZES.length]));

  const results = await Promise.all(bodies.map(async (body, n) => {
    // Every hundredth goes nowhere, and takes none of its neighbours with it.
    const routingKey = n % 100 === 50 ? `${queue}.nowhere` : queue;
    const properties = { messageId: String(n), headers: { text: "x".repeat(n) } };
    return await publisher.publish({ exchange: "", routingKey, body, properties }).then(() => "there", codeOf);
  }));
  await connection.close();

  assertEquals(results, bodies.map((_, n) => n % 100 === 50 ? "unroutable" : "there"));
  const arrived = await broker.drain(queue);
  assertEquals(arrived.length, bodies.length - 7);
  for (const { properties, body } of arrived) {
    const n = Number(properties.messageId);
    assertEquals((properties.headers?.text as unknown as string).length, n);
    assertEquals(sumOf(body as Uint8Array | null), sumOf(bodies[n]), `the body of ${n}`);
  }
});

function bodyOf(n: number, size: number): Uint8Array {
  return new Uint8Array(size).map((_, at) => (n * 31 + at * 7) & 0xff);
}

function sumOf(body: Uint8Array | null): string {
  let hash = 0x811c9dc5;
  for (const byte of body ?? []) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `${body?.length ?? 0} bytes, ${hash}`;
}

function codeOf(error: unknown): string {
  return error instanceof WarrenError ? error.code : String(error);
}
