import { assertEquals } from "@std/assert";
import { AMQPClient } from "@cloudamqp/amqp-client";
import { coalesceWrites } from "../../../lib/amqp/client/coalesce_writes.ts";
import { embeddedTest } from "../../support/brokers.ts";

embeddedTest("a write that fails ends the connection, and leaves no rejection that nobody hears", async (url) => {
  const client = new AMQPClient(url);
  await client.connect();
  coalesceWrites(client);
  const channel = await client.channel();
  channel.onerror = () => {};
  client.onerror = () => {};
  await channel.confirmSelect();
  const unheard: string[] = [];
  const onUnheard = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unheard.push(String(event.reason));
  };
  globalThis.addEventListener("unhandledrejection", onUnheard);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  client.ondisconnect = () => resolve();

  // As when the other party has ended the connection, which is not closed here yet.
  const write = (_bytes: unknown, _encoding: unknown, done: (error: Error) => void) => {
    done(new Error("ended by the other party"));
    return false;
  };
  Object.assign(client.socket!, { write });
  const published = await Promise.allSettled([1, 2, 3].map(() => channel.basicPublish("", "nowhere", "x")));
  await closed;
  const after = await Promise.allSettled([channel.basicPublish("", "nowhere", "x"), client.channel()]);
  // Unheard rejections are told once the turn is over.
  await new Promise((resolve) => setTimeout(resolve));
  globalThis.removeEventListener("unhandledrejection", onUnheard);

  assertEquals([...published, ...after].map(({ status }) => status), Array(5).fill("rejected"));
  assertEquals(unheard, []);
});

Deno.test("what is on its way does not change while more is sent", async () => {
  const onTheirWay: { bytes: Uint8Array; done: () => void }[] = [];
  const client: AMQPClient = Object.assign(Object.create(AMQPClient.prototype), {
    frameMax: 4_096,
    bufferPool: [],
    closed: false,
    socket: {},
    send: (bytes: Uint8Array) => new Promise<void>((done) => onTheirWay.push({ bytes, done })),
  });
  coalesceWrites(client);
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
  const sent: number[] = [];
  const arrived: number[] = [];
  for (let turn = 0; turn < 60; turn++) {
    // Small ones, large ones, and some that are larger than a buffer.
    for (const size of [10, turn * 50, turn % 7 === 0 ? 70_000 : 3_000]) {
      const bytes = new Uint8Array(size).fill(sent.length % 251);
      sent.push(...bytes);
      await client.send(bytes);
      // What is larger than a buffer is not copied.
      if (size < 70_000) bytes.fill(255);
    }
    await nextTurn();
    // They are done late, and several at once.
    if (turn % 5 === 4) {
      for (const { bytes, done } of onTheirWay.splice(0)) {
        arrived.push(...bytes);
        done();
      }
    }
  }
  assertEquals(arrived.length, sent.length);
  assertEquals(arrived.every((byte, at) => byte === sent[at]), true);
});
