import { assert, assertEquals } from "@std/assert";
import type { Client } from "../../../lib/amqp/client/client.ts";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { Publisher } from "../../../lib/amqp/publishing/publisher.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { Logger } from "../../../lib/base/log.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { HeldChannel } from "./held_channel.ts";
import { Proxy } from "../../support/proxy.ts";

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
  const bodies = Array.from({ length: 350 }, (_, n) => bodyOf(n, n === 9 ? LARGE : SIZES[n % SIZES.length]));

  const results = await Promise.all(bodies.map(async (body, n) => {
    // Every hundredth goes nowhere, and takes none of its neighbours with it.
    const routingKey = n % 100 === 50 ? `${queue}.nowhere` : queue;
    const properties = { messageId: String(n), headers: { text: "x".repeat(n) } };
    return await publisher.publish({ exchange: "", routingKey, body, properties }).then(() => "there", codeOf);
  }));
  await connection.close();

  assertEquals(results, bodies.map((_, n) => n % 100 === 50 ? "unroutable" : "there"));
  const arrived = await broker.drain(queue);
  assertEquals(arrived.length, bodies.length - 3);
  for (const { properties, body } of arrived) {
    const n = Number(properties.messageId);
    assertEquals((properties.headers?.text as unknown as string).length, n);
    assertEquals(sumOf(body as Uint8Array | null), sumOf(bodies[n]), `the body of ${n}`);
  }
});

brokerTest("a cut rejects what was on its way, and leaves no rejection that nobody hears", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using proxy = Proxy.for(url);
  const queue = broker.queue("published");
  await broker.declare(queue);
  const log = new Logger({ level: "silent" });
  const connection = new Connection({ urls: [proxy.urlFor(url)], name: "test", log });
  connection.start();
  const publisher = new Publisher(connection);
  const unheard: string[] = [];
  const onUnheard = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unheard.push(String(event.reason));
  };
  globalThis.addEventListener("unhandledrejection", onUnheard);

  let confirmed = 0;
  for (let round = 0; round < 5; round++) {
    await connection.opened(AbortSignal.timeout(10_000));
    const publishing = Promise.all(Array.from({ length: 1_000 }, async (_, n) => {
      const message = { exchange: "", routingKey: queue, body: new Uint8Array(10_000), properties: {} };
      await publisher.publish(message, { signal: AbortSignal.timeout(20_000) }).then(() => confirmed++, codeOf);
      if (n === 100 + round * 100) proxy.cut();
    }));
    await publishing;
  }
  await connection.close();
  globalThis.removeEventListener("unhandledrejection", onUnheard);

  assertEquals(unheard, []);
  assert((await broker.count(queue)).messages >= confirmed);
});

/** A connection whose broker confirms what the test says, when it says so. */
function heldConnection() {
  const held = new HeldChannel();
  const client = held.client;
  const connection = { opened: () => Promise.resolve(client), unblocked: () => Promise.resolve(), ready: client };
  return { connection, held, sent: held.sent, keys: () => held.sent.map(({ routingKey }) => routingKey) };
}

const to = (routingKey: string) => ({ exchange: "", routingKey, body: new Uint8Array(1), properties: {} });

Deno.test("who gives up while it waits for room is told so, and its message is never sent", async () => {
  const { connection, sent, keys } = heldConnection();
  const publisher = new Publisher(connection, { window: 1 });
  const first = publisher.publish(to("first"));
  const giveUp = new AbortController();
  const second = publisher.publish(to("second"), { signal: giveUp.signal }).then(() => "there", codeOf);
  const third = publisher.publish(to("third"));
  await eventually(() => sent.length === 1);
  giveUp.abort();
  assertEquals(await second, "unavailable");
  sent[0].confirm();
  await first;
  await eventually(() => sent.length === 2);
  sent[1].confirm();
  await third;
  assertEquals(keys(), ["first", "third"]);
});

Deno.test("who is woken when it has given up lets the next one go on", async () => {
  const { connection, sent, keys } = heldConnection();
  const publisher = new Publisher(connection, { window: 1 });
  const first = publisher.publish(to("first"));
  const giveUp = new AbortController();
  const second = publisher.publish(to("second"), { signal: giveUp.signal }).then(() => "there", codeOf);
  const third = publisher.publish(to("third"));
  await eventually(() => sent.length === 1);
  sent[0].confirm();
  giveUp.abort();
  await first;
  assertEquals(await second, "unavailable");
  await eventually(() => sent.length === 2);
  sent[1].confirm();
  await third;
  assertEquals(keys(), ["first", "third"]);
});

Deno.test("a message that nobody waits for any more has its place until the broker has settled it", async () => {
  const { connection, sent, keys } = heldConnection();
  const publisher = new Publisher(connection, { window: 1 });
  const giveUp = new AbortController();
  const first = publisher.publish(to("first"), { signal: giveUp.signal }).then(() => "there", codeOf);
  await eventually(() => sent.length === 1);
  giveUp.abort();
  assertEquals(await first, "unavailable");
  const limit = new AbortController();
  const second = publisher.publish(to("second"), { signal: limit.signal }).then(() => "there", codeOf);
  limit.abort();
  assertEquals(await second, "unavailable");
  assertEquals(keys(), ["first"]);
  sent[0].refuse();
  const third = publisher.publish(to("third"));
  await eventually(() => sent.length === 2);
  sent[1].confirm();
  await third;
});

Deno.test("a channel that the broker does not open keeps nobody beyond its signal", async () => {
  const client = { channel: () => new Promise(() => {}) } as unknown as Client;
  const connection = { opened: () => Promise.resolve(client), unblocked: () => Promise.resolve(), ready: client };
  const publisher = new Publisher(connection);
  for (let n = 0; n < 2; n++) {
    const giveUp = new AbortController();
    const published = publisher.publish(to("queue"), { signal: giveUp.signal }).then(() => "there", codeOf);
    giveUp.abort();
    assertEquals(await published, "unavailable");
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
