import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { hasPrivateNodes, type PrivateNode, startPrivateNode } from "../support/private_node.ts";
import { rabbitmqTest } from "../support/rabbitmq.ts";
import { type LogLine, startRunner } from "../support/runner_process.ts";
import { handledBy, isHandled, post, startServing, status, untilReady } from "../support/serving.ts";
import { WebSocketRelay } from "../support/websocket_relay.ts";

/** A function that says what it got. */
function telling(queue: string): string {
  return `
    export const config = { queue: "${queue}" };
    export default (message, context) => context.log.info("handled", { body: message.body });`;
}

const tryingAgain = ({ message }: LogLine) => message.includes("trying again in");

/** A port of this machine on which nothing listens. */
function deadUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `amqp://guest:guest@127.0.0.1:${port}`;
}

/** Publishes on a connection of its own: the node may have been restarted since the last. */
async function publish(url: string, queue: string, body: string): Promise<void> {
  await using broker = await BrokerClient.connect(url);
  await broker.publish(queue, [body]);
}

Deno.test({
  name: "a runner outlives what happens to its broker",
  ignore: !hasPrivateNodes() && !(Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("rabbitmq"),
  async fn(test) {
    await using node = await startPrivateNode();
    await test.step("connections that an operator closes are opened again", () => closedConnections(node));
    await test.step("a memory alarm answers 503 for as long as it lasts", () => memoryAlarm(node));
    await test.step("a node that is stopped and started is served again", () => restartedNode(node));
    await test.step("a broker that is killed is served again", () => killedNode(node));
    await test.step("a broker that is down at the start is waited for", () => downAtStart(node));
  },
});

async function closedConnections(node: PrivateNode): Promise<void> {
  await using functions = await folder({ "closed.ts": telling("closed") });
  await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });

  await node.ctl("close_all_connections", "for a test");
  await runner.waitForLog(({ level, message }) => level === "warn" && message.includes("for a test"));
  await untilReady(runner);

  await publish(node.url, "closed", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
  assertEquals(await post(runner, "closed", "y"), 202);
  await eventually(() => handledBy(runner).length === 2);
}

async function memoryAlarm(node: PrivateNode): Promise<void> {
  await using functions = await folder({ "starved.ts": telling("starved") });
  await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });

  await node.ctl("set_vm_memory_high_watermark", "0.00001");
  try {
    await eventually(async () => await post(runner, "starved", "x") === 503, { timeout: 30_000 });
    const response = await fetch(`${runner.url}/readyz?verbose`);
    assertEquals(response.status, 503);
    const { checks }: { checks: { name: string; ok: boolean; detail?: string }[] } = await response.json();
    const publishing = checks.find(({ name }) => name === "broker: publishing");
    assertEquals(publishing?.ok, false);
    assertStringIncludes(publishing?.detail ?? "", "memory");
    assertEquals(await status(runner, "/healthz"), 200);
  } finally {
    await node.ctl("set_vm_memory_high_watermark", "0.4");
  }

  await untilReady(runner);
  assertEquals(await post(runner, "starved", "healed"), 202);
  await runner.waitForLog((line) => isHandled(line) && line.body === "healed");
}

async function restartedNode(node: PrivateNode): Promise<void> {
  await using functions = await folder({ "restarted.ts": telling("restarted") });
  await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });

  await node.stop();
  await eventually(async () => await status(runner, "/readyz") === 503);
  assertEquals(await status(runner, "/healthz"), 200);
  await node.start();
  await untilReady(runner, 40_000);

  await publish(node.url, "restarted", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}

async function killedNode(node: PrivateNode): Promise<void> {
  await using functions = await folder({ "killed.ts": telling("killed") });
  await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path });

  await node.signal("SIGKILL");
  await eventually(async () => await status(runner, "/readyz") === 503);
  await node.start();
  await untilReady(runner, 40_000);

  await publish(node.url, "killed", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}

async function downAtStart(node: PrivateNode): Promise<void> {
  await node.stop();
  await using functions = await folder({ "early.ts": telling("early") });
  await using runner = await startRunner({ amqpUrl: node.url, functionsDir: functions.path });
  await eventually(() => runner.log.filter(tryingAgain).length >= 4);
  assertEquals(await status(runner, "/readyz"), 503);

  await node.start();
  await untilReady(runner, 40_000);

  await publish(node.url, "early", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}

rabbitmqTest("a queue that is deleted under its consumer is consumed again within five seconds", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("deleted");
  await using functions = await folder({ "deleted.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.delete(queue);
  await eventually(async () => (await broker.count(queue)).consumers === 1, { timeout: 5_000 });

  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
});

rabbitmqTest("of several URLs the first that answers is used", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("several");
  await using functions = await folder({ "several.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: `${deadUrl()},${url}`, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);

  assertEquals((await runner.waitForLog(isHandled)).body, "x");
  const line = await runner.waitForLog(({ message }) => message.startsWith("broker: "));
  assertStringIncludes(line.message, new URL(url).host);
});

rabbitmqTest("over WebSocket it serves, and serves again after a cut", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using relay = new WebSocketRelay(url);
  const queue = broker.queue("websocket");
  await using functions = await folder({ "websocket.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: relay.urlFor(url), functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(isHandled);

  relay.cut();
  await runner.waitForLog(({ message }) => message.includes("is lost"));
  await untilReady(runner);
  assertEquals(await post(runner, "websocket", "y"), 202);

  // "x" may run twice: the cut may have come before its ack.
  await runner.waitForLog((line) => isHandled(line) && line.body === "y");
});

rabbitmqTest("a wrong password is told without the password", async (url) => {
  await using functions = await folder({});
  const wrong = new URL(url);
  wrong.password = "not-the-s3cret";
  await using runner = await startRunner({ amqpUrl: wrong.href, functionsDir: functions.path });

  const line = await runner.waitForLog(tryingAgain);

  assert(/refused|password|login/i.test(line.message), line.message);
  assertStringIncludes(line.message, wrong.hostname);
  assertEquals(runner.log.filter((line) => JSON.stringify(line).includes("not-the-s3cret")), []);
  assertEquals(await status(runner, "/readyz"), 503);
});
