import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { AMQPClient } from "@cloudamqp/amqp-client";
import { publish } from "../../lib/cli/publish.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { uniqueName } from "../support/unique.ts";
import { runCommand } from "./run_command.ts";

/** A queue that only this test's connection has, and what is in it. */
async function withQueue(url: string, test: (queue: string, get: () => Promise<Delivered>) => Promise<void>) {
  const client = new AMQPClient(url);
  await client.connect();
  try {
    const channel = await client.channel();
    const { name } = await channel.queueDeclare(uniqueName(), { exclusive: true, durable: false });
    await test(name, async () => {
      const message = await channel.basicGet(name, { noAck: true });
      if (!message) throw new Error(`expected a message in ${name}, found none`);
      return { body: message.bodyString(), properties: message.properties };
    });
  } finally {
    await client.close();
  }
}

interface Delivered {
  body: string | null;
  properties: { contentType?: string; deliveryMode?: number; messageId?: string; headers?: Record<string, unknown> };
}

brokerTest("publish puts a persistent message into the queue and prints its id", async (url) => {
  await withQueue(url, async (queue, get) => {
    const { code, stdout } = await runCommand(publish, [queue, "0", "--header", "a=1=2", "--header=b="], {
      AMQP_URL: url,
    });
    const { body, properties } = await get();
    assertEquals([code, body, properties.deliveryMode], [0, "0", 2]);
    assertEquals(properties.headers, { a: "1=2", b: "" });
    assertMatch(properties.contentType ?? "", /^text\/plain/);
    assertEquals(stdout, `${properties.messageId} is with the broker, for queue ${queue}`);
  });
});

brokerTest("publish says JSON of objects and arrays, and what it is told of all else", async (url) => {
  const env = { AMQP_URL: url };
  await withQueue(url, async (queue, get) => {
    for (const body of ['{"a":1}', " [1, 2]"]) {
      await runCommand(publish, [queue, body], env);
      assertEquals((await get()).properties.contentType, "application/json");
    }
    await runCommand(publish, [queue, "{not json"], env);
    assertMatch((await get()).properties.contentType ?? "", /^text\/plain/);
    await runCommand(publish, [queue, "<a/>", "--content-type", "application/xml", "--message-id", "m-1"], env);
    const { properties } = await get();
    assertEquals([properties.contentType, properties.messageId], ["application/xml", "m-1"]);
  });
});

brokerTest("publish holds a message back for --delay, and gives it --priority", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("held");
  await broker.declare(queue);
  const { stdout } = await runCommand(
    publish,
    [queue, "0", "--delay", "50ms", "--priority", "7", "--message-id", "m"],
    {
      AMQP_URL: url,
    },
  );
  assertEquals(stdout, `m is with the broker, for queue ${queue}, which gets it in 50ms`);
  const { properties } = await broker.take(queue);
  assertEquals([properties.messageId, properties.priority], ["m", 7]);
});

Deno.test("publish says which delay or priority is wrong", async () => {
  const why = async (...args: string[]) =>
    (await assertRejects(() => runCommand(publish, ["hello", "0", ...args], {}), WarrenError)).message;
  assertStringIncludes(await why("--delay", "soon"), '--delay: "soon" is not a duration');
  assertEquals(await why("--delay", "31d"), "--delay: expected at most 30d, found 31d");
  assertEquals(await why("--priority", "high"), '--priority: expected a whole number from 0 to 255, found "high"');
  assertStringIncludes(await why("--delay", "1s", "--exchange", "shop"), "--delay works only for a queue");
});

brokerTest("publish to a queue that is not there says what to do", async (url) => {
  const queue = uniqueName();
  const error = await assertRejects(() => runCommand(publish, [queue, "0"], { AMQP_URL: url }), WarrenError);
  assertEquals(error.code, "unroutable");
  assertStringIncludes(error.message, `queue "${queue}"`);
  assertStringIncludes(error.message, "is the function running?");
});

brokerTest("publish to an exchange that is not there is refused", async (url) => {
  const args = ["key", "0", "--exchange", uniqueName()];
  const error = await assertRejects(() => runCommand(publish, args, { AMQP_URL: url }), WarrenError);
  assertEquals(error.code, "refused");
});

Deno.test("publish without a queue, or with a header that is none, says what it expected", async () => {
  await assertRejects(() => runCommand(publish, []), WarrenError, "publish hello 0");
  await assertRejects(() => runCommand(publish, ["a", "b", "-H", "c"]), WarrenError, '"-H" is one too many');
  await assertRejects(
    () => runCommand(publish, ["hello", "0", "--header", "=x"]),
    WarrenError,
    'expected KEY=VALUE, found "=x"',
  );
});
