import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { startPrivateNode } from "../support/private_node.ts";
import { seen, startServing, untilReady } from "../support/serving.ts";
import { eventually } from "../support/eventually.ts";

/** Versions from 3.12 on know that setting; the installed one may be older. */
const DENIED = "deprecated_features.permit.transient_nonexcl_queues = false\n";
const ignore = Deno.env.get("WARREN_TEST_RABBITMQ_SCRIPTS") === undefined;

Deno.test("RabbitMQ: a function whose queue the broker denies costs no other function its connection", {
  ignore,
}, async () => {
  await using node = await startPrivateNode(DENIED);
  await using client = await BrokerClient.connect(node.url);
  await client.declare("done", true);
  await using functions = await folder({
    "steady.ts": `export const config = { output: "done" }; export default ({ body }) => body;`,
  });
  await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });
  const connections = async () =>
    (await node.ctl("list_connections", "--no-table-headers", "name", "client_properties")).split("\n")
      .filter((line) => /warren (consuming|publishing)/.test(line)).map((line) => line.split("\t")[0]).sort();
  const before = await connections();
  assertEquals(before.length, 2);

  for (const name of ["one", "two", "three"]) {
    await Deno.writeTextFile(
      `${functions.path}/${name}.ts`,
      `export const config = { queue: { durable: false }, output: "done" }; export default ({ body }) => body;`,
    );
  }
  await eventually(async () => {
    const states = await seen(runner);
    return ["one", "two", "three"].every((name) => states[name]?.state === "serving");
  }, { timeout: 20_000, what: "the denied queues to be declared durable" });
  await untilReady(runner);
  assertEquals(await connections(), before);
  for (const queue of ["steady", "one", "two", "three"]) {
    await client.publish(queue, [queue]);
    assertEquals((await client.take("done")).bodyString(), queue);
  }
  const told = runner.log.filter(({ level }) => level === "warn").map(({ message }) => message);
  assertEquals(told.filter((message) => message.includes("is declared durable")).length, 3, told.join("\n"));
  assert(!told.some((message) => /is lost|consumer stopped/.test(message)), told.join("\n"));
});
