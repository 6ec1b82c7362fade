import { assertEquals, assertStringIncludes } from "@std/assert";
import { connectClient } from "../../../lib/amqp/client/client.ts";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { Publisher } from "../../../lib/amqp/publishing/publisher.ts";
import { Topology } from "../../../lib/amqp/topology/topology.ts";
import { findOrphans } from "../../../lib/amqp/waiting/orphans.ts";
import { askForSideQueues, type SideQueues, sideQueuesAmong } from "../../../lib/amqp/waiting/side_queues.ts";
import { purgeQueues } from "../../../lib/amqp/waiting/purge_queues.ts";
import { returnOrphans } from "../../../lib/amqp/waiting/return_orphans.ts";
import { Logger } from "../../../lib/base/log.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { embeddedTest } from "../../support/brokers.ts";
import { EmbeddedBroker } from "../../support/embedded_broker.ts";
import { eventually } from "../../support/eventually.ts";

const NONE: SideQueues = { delays: [], partitions: [], dead: [] };
const LOG = new Logger({ level: "silent" });

function definition(name: string, queue: string, retry: number[] = [5_000]) {
  return resolveFunctionConfig({ queue, retry }, { name, file: `/${name}.ts`, version: "1" });
}

Deno.test("orphans are found, put back once their queue is there, and keep their attempt and their name until then", async () => {
  // All runners of a broker share these queues, so the test has a broker of its own.
  await using own = await EmbeddedBroker.launch();
  await using broker = await BrokerClient.connect(own.url);
  const { client, close } = await connectClient(own.url, { heartbeat: 20_000, name: "test" });
  const connection = new Connection({ urls: [own.url], name: "test", log: LOG });
  connection.start();
  const publisher = new Publisher(connection);
  const pay = definition("pay", "pay");
  const ship = definition("ship", "ship");
  await new Topology(LOG).declare(client, pay);
  await new Topology(LOG).declare(client, ship);
  await broker.delete("pay");
  await broker.delete("ship");
  const headers = { "warren-attempt": 2 };
  await broker.publishTo("warren.dispatch", "pay", "a", { messageId: "m-1", headers });
  await broker.publishTo("warren.dispatch", "ship", "b", { messageId: "m-2", headers });
  await eventually(async () => (await broker.count("warren.orphans")).messages === 2);

  const [found, ...others] = await findOrphans(client, [pay, ship], NONE);
  assertEquals([found.queue, found.messages, others], ["warren.orphans", 2, []]);
  assertStringIncludes(found.advice, "deno task queue return");

  // Looking again and again neither loses them nor the name of their queue.
  for (let look = 0; look < 5; look++) {
    const { returned, missing } = await returnOrphans(client, publisher);
    assertEquals([returned, [...missing].sort()], [0, [["pay", 1], ["ship", 1]]]);
  }
  await broker.declare("pay");
  const { depth, returned, missing } = await returnOrphans(client, publisher);
  assertEquals([depth, returned, [...missing]], [2, 1, [["ship", 1]]]);
  const message = await broker.take("pay");
  assertEquals([message.properties.messageId, message.properties.headers?.["warren-attempt"]], ["m-1", 2]);

  assertEquals([...await purgeQueues(client, ["nowhere", "warren.orphans"])], [["warren.orphans", 1]]);
  assertEquals(await findOrphans(client, [pay, ship], NONE), []);
  await connection.close();
  await close();
});

embeddedTest(
  "retry queues that no policy names and partitions without an order are said, with what to do",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const { client, close } = await connectClient(url, { heartbeat: 20_000, name: "test" });
    const queue = broker.queue("pay");
    for (const name of [`${queue}.p0`, `${queue}.p1`, "warren.retry.5000", "warren.retry.70000"]) {
      await broker.declare(broker.own(name));
      await broker.publish(name, ["1", "2"]);
    }
    const functions = [definition("pay", queue)];
    const side = await askForSideQueues(client, functions);
    assertEquals([side.delays, side.partitions], [[5_000, 70_000], [`${queue}.p0`, `${queue}.p1`]]);
    const found = await findOrphans(client, functions, { ...side, dead: [queue] });
    assertEquals(found.map(({ queue, messages }) => [queue, messages]), [
      [`${queue}.p0`, 2],
      [`${queue}.p1`, 2],
      ["warren.retry.70000", 2],
    ]);
    assertStringIncludes(found[0].advice, "Give it its order back");
    assertStringIncludes(found[2].advice, "within 70s");
    await close();
  },
);

Deno.test("of a list of all queues, those are found that no function is known by", () => {
  const names = ["pay", "pay.dead", "pay.p0", "gone.dead", ".dead", "warren.retry.5000", "warren.retry.x", "other.p1"];
  assertEquals(sideQueuesAmong(names, [definition("pay", "pay")]), {
    delays: [5_000],
    partitions: ["pay.p0"],
    dead: ["pay", "gone"],
  });
});
