import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeclaringConnection } from "../../../lib/amqp/topology/declaring_connection.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { Proxy } from "../../support/proxy.ts";

brokerTest("those who declare at the same time share a connection, which is closed when it is idle", async (url) => {
  const connection = new DeclaringConnection({ urls: () => [url], name: "test", idle: 1 });
  const [one, other] = await Promise.all([connection.lend(), connection.lend()]);
  assert(one.client === other.client);
  await one[Symbol.asyncDispose]();
  assert(!other.client.closed, "somebody uses it");
  await other[Symbol.asyncDispose]();
  await eventually(() => other.client.closed);
  {
    await using again = await connection.lend();
    assert(again.client !== one.client && !again.client.closed);
  }
  await connection.close();
});

brokerTest("one that the broker ended is replaced, and one for a single use is nobody else's", async (url) => {
  await using proxy = Proxy.for(url);
  const connection = new DeclaringConnection({ urls: () => [proxy.urlFor(url)], name: "test" });
  await using lent = await connection.lend();
  {
    await using alone = await connection.lendAlone();
    assert(alone.client !== lent.client);
  }
  proxy.cut();
  await eventually(() => lent.client.closed);
  await using next = await connection.lend();
  assertEquals([next.client.closed, next.client === lent.client], [false, false]);
  await connection.close();
  assert(next.client.closed);
});

Deno.test("where no broker answers, the first one's reason is told", async () => {
  const urls = ["amqp://127.0.0.1:1", "amqp://127.0.0.2:1"];
  const connection = new DeclaringConnection({ urls: () => urls, name: "test" });
  const { code, message } = await assertRejects(() => connection.lend(), WarrenError);
  assertEquals([code, message.includes("127.0.0.1:1")], ["unavailable", true]);
  await connection.close();
});
