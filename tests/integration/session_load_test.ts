import { PrivateEmbedded } from "../support/private_broker.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";
import { memoryAlarm, outlivesItsBroker } from "./outlives_broker.ts";

privateNodeTest("RabbitMQ: a runner outlives what happens to its broker", async (test) => {
  await using node = await startPrivateNode();
  await outlivesItsBroker(node, test);
  await test.step("a memory alarm answers 503 for as long as it lasts", () => memoryAlarm(node));
});

Deno.test("embedded: a runner outlives what happens to its broker", async (test) => {
  await using broker = await PrivateEmbedded.launch();
  await outlivesItsBroker(broker, test);
});

Deno.test("embedded: a memory alarm answers 503 for as long as it lasts", async () => {
  await using broker = await PrivateEmbedded.launch();
  await memoryAlarm(broker);
});
