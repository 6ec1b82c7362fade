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
