import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { CallError, connect, type FunctionOf } from "warren/client";
import type * as created from "../../functions/orders/created.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { startServing } from "../support/serving.ts";

/** As `types` writes it. */
type Functions = {
  "square": { readonly body: number; readonly result: number };
  "orders.created": FunctionOf<typeof created>;
};

function square(queue: string): string {
  return `import { Reject } from "warren";
    export const config = { queue: "${queue}", retry: [] };
    export default ({ body }) => {
      if (typeof body !== "number") throw new Reject("no number");
      if (body < 0) throw new RangeError("negative");
      return body * body;
    };`;
}

brokerTest("a client publishes to functions and calls them, over AMQP and over HTTP", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("client");
  await using functions = await folder({ "square.ts": square(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env: { API_TOKEN: "t" } });
  await using amqp = connect<Functions>(url, { queues: { square: queue } });
  await using http = connect<Functions>(runner.url, { token: "t" });
  for (const client of [amqp, http]) {
    const result: number = await client.call("square", 7);
    assertEquals(result, 49);
    assertEquals(await client.publish("square", 2, { messageId: "m-2" }), "m-2");
    const failed = await assertRejects(() => client.call("square", -1, { messageId: "m-3" }), CallError);
    assertEquals([failed.outcome, failed.messageId], ["failed", "m-3"]);
    assertStringIncludes(failed.message, "RangeError: negative");
    const rejected = await assertRejects(() => client.call("square", "x" as unknown as number), CallError);
    assertEquals(rejected.outcome, "rejected");
    await assertRejects(() => client.publish(`${queue}.none` as "square", 1, { signal: AbortSignal.timeout(5_000) }));
  }
});

Deno.test("a client without a server says what does not answer", async () => {
  await using http = connect("http://127.0.0.1:1");
  const error = await assertRejects(() => http.publish("a", 1), Error);
  assertStringIncludes(error.message, "http://127.0.0.1:1 does not answer");
  await using amqp = connect("amqp://127.0.0.1:1");
  const late = await assertRejects(() => amqp.publish("a", 1, { signal: AbortSignal.timeout(100) }), Error);
  assertStringIncludes(late.message, "127.0.0.1:1");
});

Deno.test("connect() takes URLs of brokers and of HTTP APIs", () => {
  assertThrows(() => connect("redis://localhost"), TypeError, "redis:");
  assertThrows(() => connect("localhost"), TypeError);
  assertThrows(() => connect("amqp://a,http://b"), TypeError);
});

// What follows is proved by the compiler.
async function _typed(): Promise<void> {
  const client = connect<Functions>("amqp://localhost");
  await client.publish("orders.created", { id: "7", email: "ann@example.com" });
  // @ts-expect-error -- an order has an id that is text
  await client.publish("orders.created", { id: 7, email: "ann@example.com" });
  // @ts-expect-error -- there is no such function
  await client.publish("orders.create", {});
}
