import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, startServing } from "../support/serving.ts";

brokerTest("a batch has as many messages as there are, up to its size, and no later than its wait", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("batch");
  await broker.declare(queue);
  await broker.publish(queue, ["1", "2", "3", "4", "5"]);
  await using functions = await folder({
    "batched.ts":
      `export const config = { queue: "${queue}", concurrency: 1, prefetch: 10, batch: { size: 3, wait: "300ms" } };
      export default (messages, context) => context.log.info("handled", { messageId: "mine", bodies: messages.map(({ body }) => body) });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await eventually(() => handledBy(runner).length === 2);
  assertEquals(handledBy(runner).map(({ bodies }) => bodies), [["1", "2", "3"], ["4", "5"]]);
  // A line is of no message but that which the handler names.
  assertEquals(handledBy(runner).map(({ messageId, attempt }) => [messageId, attempt]), [["mine", undefined], [
    "mine",
    undefined,
  ]]);
  await eventually(async () => (await broker.count(queue)).messages === 0);
});

brokerTest(
  "each message of a batch is settled by itself, and follows the handler where nothing is said",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const [queue, target] = [broker.queue("batch"), broker.queue("target")];
    await broker.declare(queue);
    await broker.declare(target);
    await broker.publish(queue, ["ack", "retry", "reject", "left"]);
    await using functions = await folder({
      "batched.ts": `
      export const config = { queue: "${queue}", retry: ["50ms"], batch: { size: 4, wait: "1s" } };
      export default async (messages, context) => {
        for (const message of messages) {
          context.log.info("handled", { body: message.body, attempt: message.attempt });
          await message.publish("from " + message.body + " " + message.attempt, { routingKey: "${target}" });
          if (message.body === "ack") message.ack();
          if (message.body === "reject") message.reject("no good");
          if (message.body === "retry" && message.attempt === 1) message.retry({ delay: 10 });
        }
        if (messages.some(({ attempt }) => attempt === 1)) throw new Error("the rest failed");
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

    const dead = await broker.take(`${queue}.dead`);
    assertEquals(dead.bodyString(), "reject");
    assertEquals(dead.properties.headers?.["warren-error"] as unknown, "no good");
    const outputs = new Set<string>();
    for (let count = 0; count < 3; count++) outputs.add((await broker.take(target)).bodyString()!);
    assertEquals(outputs, new Set(["from ack 1", "from retry 2", "from left 2"]));
    assertEquals(handledBy(runner).length, 6);
    const ours = runner.log.filter(({ stack }) => String(stack).includes("/lib/sandbox/"));
    assertEquals(ours, [], "no stack has frames of ours");
    assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
  },
);

brokerTest(
  "a message that cannot be read, and one that ends the process, take no other of their batch with them",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("batch");
    await broker.declare(queue);
    const json = { contentType: "application/json" };
    await broker.publish(queue, ['"a"', "{", '"exit"', '"b"'], json);
    await using functions = await folder({
      "batched.ts": `
      export const config = { queue: "${queue}", retry: { attempts: 1 }, batch: { size: 4, wait: "1s" } };
      export default async (messages, context) => {
        if (messages.some(({ body }) => body === "exit")) Deno.exit(7);
        for (const { body } of messages) context.log.info("handled", { body });
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

    await eventually(async () => (await broker.count(`${queue}.dead`)).messages === 2, { timeout: 20_000 });
    await eventually(() => handledBy(runner).length === 2);
    assertEquals(new Set(handledBy(runner).map(({ body }) => body)), new Set(["a", "b"]));
    const reasons = [await broker.take(`${queue}.dead`), await broker.take(`${queue}.dead`)]
      .map(({ properties }) => String(properties.headers?.["warren-reason"]));
    assert(reasons.includes("undecodable") && reasons.includes("crashed"), String(reasons));
  },
);
