import { PrivateEmbedded } from "../support/private_broker.ts";
import { hasPrivateNodes, startPrivateNode } from "../support/private_node.ts";
import { memoryAlarm, outlivesItsBroker } from "./outlives_broker.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("rabbitmq");
const ignore = !hasPrivateNodes() && !required;
if (ignore) {
  console.log("RabbitMQ's own scripts are not installed: the test that stops and starves a node of it is skipped.");
}

Deno.test("RabbitMQ: a runner outlives what happens to its broker", { ignore }, async (test) => {
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
