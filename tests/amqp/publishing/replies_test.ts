import { assertEquals } from "@std/assert";
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
