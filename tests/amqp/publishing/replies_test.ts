import { assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { Replies } from "../../../lib/amqp/publishing/replies.ts";
import { Logger } from "../../../lib/base/log.ts";
import { brokerTest } from "../../support/brokers.ts";

brokerTest("a request ends with its answer, with its time, or when nobody wants it any more", async (url) => {
  const connection = new Connection({ urls: [url], name: "test", log: new Logger({ level: "silent" }) });
  connection.start();
  const replies = new Replies(connection);
  const { signal: here } = new AbortController();
  const answering = async (route: { replyTo: string; correlationId: string }) => {
    const channel = await (await connection.opened()).channel();
    await channel.basicPublish("", route.replyTo, "yes", { correlationId: route.correlationId });
    await channel.close();
  };

  const answered = await replies.request({ wait: 10_000, gone: here }, answering);
  const strange = await replies.request({ wait: 10_000, gone: here }, async ({ replyTo, correlationId }) => {
    const channel = await (await connection.opened()).channel();
    const headers = { "warren-outcome": { toString: "a table, and no text" } };
    await channel.basicPublish("", replyTo, "odd", { correlationId, headers });
    await channel.close();
  });
  const late = await replies.request({ wait: 50, gone: here }, () => Promise.resolve());
  const client = new AbortController();
  const given = await replies.request({ wait: 3_600_000, gone: client.signal }, () => Promise.resolve(client.abort()));
  const before = await replies.request({ wait: 3_600_000, gone: AbortSignal.abort() }, () => Promise.resolve());

  assertEquals(new TextDecoder().decode(answered?.body), "yes");
  assertEquals([strange?.outcome, new TextDecoder().decode(strange?.body)], ["completed", "odd"]);
  assertEquals([late, given, before, replies.waiting], [undefined, undefined, undefined, 0]);
  await connection.close();
});

brokerTest("an answer whose outcome is a table is an answer", async (url) => {
  const connection = new Connection({ urls: [url], name: "test", log: new Logger({ level: "silent" }) });
  connection.start();
  const { signal: gone } = new AbortController();
  const answered = await new Replies(connection).request({ wait: 10_000, gone }, async ({ replyTo, correlationId }) => {
    const channel = await (await connection.opened()).channel();
    const headers = { "warren-outcome": { toString: "x" } } as unknown as Record<string, string>;
    await channel.basicPublish("", replyTo, "yes", { correlationId, headers });
    await channel.close();
  });
  await connection.close();
  assertEquals(answered?.outcome, "completed");
});

brokerTest("an answer that is handed over ends the request with its correlation id, and no other", async (url) => {
  const connection = new Connection({ urls: [url], name: "test", log: new Logger({ level: "silent" }) });
  connection.start();
  const replies = new Replies(connection);
  const { signal: gone } = new AbortController();
  const taken: boolean[] = [];
  const answered = await replies.request({ wait: 10_000, gone }, ({ replyTo, correlationId }) => {
    const answer = { routingKey: replyTo, body: new TextEncoder().encode("no"), properties: { correlationId } };
    taken.push(
      replies.take({ ...answer, routingKey: "another queue" }),
      replies.take({ ...answer, properties: { correlationId: "another id" } }),
      replies.take({ ...answer, properties: { correlationId, headers: { "warren-outcome": "failed" } } }),
    );
    return Promise.resolve();
  });
  await connection.close();

  assertEquals(taken, [false, false, true]);
  assertEquals([answered?.outcome, new TextDecoder().decode(answered?.body)], ["failed", "no"]);
});

brokerTest(
  "an answer that comes before the confirm ends the request, and a publish that fails fails it",
  async (url) => {
    const connection = new Connection({ urls: [url], name: "test", log: new Logger({ level: "silent" }) });
    connection.start();
    const replies = new Replies(connection);
    const { signal: gone } = new AbortController();
    const early = await replies.request({ wait: 10_000, gone }, ({ replyTo, correlationId }) => {
      replies.take({ routingKey: replyTo, body: new Uint8Array(0), properties: { correlationId } });
      return new Promise(() => {});
    });
    const late = Promise.withResolvers<void>();
    const unconfirmed = replies.request({ wait: 10, gone }, () => late.promise);
    const failed = assertRejects(() => unconfirmed, Error, "no confirm");
    // The time to wait is over by then.
    setTimeout(() => late.reject(new Error("no confirm")), 30);
    await failed;
    await connection.close();

    assertEquals(early?.outcome, "completed");
  },
);
