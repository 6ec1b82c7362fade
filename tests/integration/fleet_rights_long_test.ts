import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

const TELLING = `export const config = { retry: [] };
  export default (message, context) => context.log.info("handled", { body: message.body });`;

privateNodeTest(
  "RabbitMQ: a user without the rights for the fleet serves alone, says so once, and pauses here",
  async () => {
    await using node = await startPrivateNode();
    await using functions = await folder({ "telling.ts": TELLING });
    await using all = await startServing({ amqpUrl: node.url, functionsDir: functions.path });
    await node.ctl("add_user", "ann", "secret");
    await node.ctl("set_permissions", "ann", "^$", "^amq\\.default$", "^(telling|warren\\.orphans|warren\\.dispatch)$");
    const url = new URL(node.url);
    Object.assign(url, { username: "ann", password: "secret" });

    await using alone = await startServing({ amqpUrl: url.href, functionsDir: functions.path });
    const said = () => alone.log.filter(({ message }) => message.includes("cannot see each other"));
    await eventually(() => said().length === 1);
    assertStringIncludes(said()[0].message, "warren.fleet");
    const { runners } = await (await fetch(`${alone.url}/runners`)).json();
    assertEquals(runners.length, 1);

    const refused = await fetch(`${alone.url}/functions/telling/pause`, { method: "POST" });
    assertEquals(refused.status, 502);
    assertMatch((await refused.json()).detail, /could not be paused for all runners.*warren\.paused\.telling.*--here/);
    const here = await fetch(`${alone.url}/functions/telling/pause?here`, { method: "POST" });
    assertEquals([here.status, (await seen(alone)).telling.state], [200, "paused"]);
    await (await fetch(`${alone.url}/functions/telling/resume?here`, { method: "POST" })).body?.cancel();

    // A pause that the others make is noticed by looking at the broker.
    await (await fetch(`${all.url}/functions/telling/pause`, { method: "POST" })).body?.cancel();
    await eventually(async () => (await seen(alone)).telling.state === "paused", { timeout: 40_000 });
    await using client = await BrokerClient.connect(node.url);
    await client.publish("telling", ["a"]);
    await (await fetch(`${all.url}/functions/telling/resume`, { method: "POST" })).body?.cancel();
    await eventually(() => handledBy(all).length + handledBy(alone).length === 1);
    assertEquals(said().length, 1);
  },
);

privateNodeTest("RabbitMQ: an alarm of the broker makes no runner gone, and holds up nothing", async () => {
  await using node = await startPrivateNode();
  await using functions = await folder({ "telling.ts": TELLING });
  const options = { amqpUrl: node.url, functionsDir: functions.path };
  await using one = await startServing(options);
  await using two = await startServing(options);
  const others = async () => (await (await fetch(`${one.url}/runners`)).json()).runners.slice(1);
  await eventually(async () => (await others()).length === 1);
  await node.ctl("set_vm_memory_high_watermark", "0.00001");
  await one.waitForLog(({ message }) => message.includes("takes no publishes now"), 20_000);
  // Longer than it takes to be gone.
  const begun = Date.now();
  await eventually(() => Date.now() - begun > 12_000, { timeout: 15_000, interval: 500 });
  assertEquals((await others()).map(({ gone }: { gone: boolean }) => gone), [false]);
  const here = await fetch(`${one.url}/functions/telling/pause?here`, { method: "POST" });
  assertEquals(here.status, 200);
  const refused = await fetch(`${one.url}/functions/telling/pause`, { method: "POST" });
  assertEquals(refused.status, 503);
  await refused.body?.cancel();

  await node.ctl("set_vm_memory_high_watermark", "0.4");
  await two.waitForLog(({ message }) => message.includes("takes publishes again"), 20_000);
  const paused = await fetch(`${one.url}/functions/telling/pause`, { method: "POST" });
  assertEquals([paused.status, (await paused.json()).silent], [200, []]);
  assertEquals((await seen(two)).telling.state, "paused");
});
