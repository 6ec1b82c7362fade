import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { knownDifferences } from "../../lib/amqp/client/known_brokers.ts";
import { shownUrl } from "../../lib/base/secret_url.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerIdentity } from "../support/broker_version.ts";
import { brokerTest, embeddedTest, sharedBroker } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { Proxy } from "../support/proxy.ts";
import { startRunner } from "../support/runner_process.ts";
import { isHandled, post, startServing, status, untilReady } from "../support/serving.ts";
import { WebSocketRelay } from "../support/websocket_relay.ts";
import { telling, tryingAgain } from "./telling.ts";

brokerTest("a queue that is deleted under its consumer is consumed again within five seconds", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("deleted");
  await using functions = await folder({ "deleted.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  await broker.delete(queue);
  await eventually(async () => (await broker.count(queue)).consumers === 1, { timeout: 5_000 });

  await broker.publish(queue, ["x"]);
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
});

brokerTest("of several URLs the first that answers is used", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("several");
  await using functions = await folder({ "several.ts": telling(queue) });
  const nobody = `amqp://guest:guest@127.0.0.1:${freePort()}`;
  await using runner = await startServing({ amqpUrl: `${nobody},${url}`, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);

  assertEquals((await runner.waitForLog(isHandled)).body, "x");
  const line = await runner.waitForLog(({ message }) => message.startsWith("broker: "));
  assertStringIncludes(line.message, new URL(url).host);
});

brokerTest("the start says which broker it is and what differs on it, once, also after a cut", async (url) => {
  await using proxy = Proxy.for(url);
  await using functions = await folder({});
  await using runner = await startServing({ amqpUrl: proxy.urlFor(url), functionsDir: functions.path });
  const broker = await brokerIdentity(url);
  const name = `${broker.product} ${broker.version}`;
  const told = () => runner.log.filter(({ message }) => message.startsWith("broker: ") || message.startsWith(name));
  const expected = knownDifferences(broker).map(({ text }) => `${name}: ${text}`);

  proxy.cut();
  await runner.waitForLog(({ message }) => message.includes("is lost"));
  await untilReady(runner);

  const [first, ...others] = told();
  assertEquals(first.message, `broker: ${name} at ${shownUrl(proxy.urlFor(url))}`);
  assertEquals(others.map(({ level, message }) => [level, message]), expected.map((text) => ["info", text]));
});

brokerTest("over WebSocket it serves, and serves again after a cut", async (url) => {
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

embeddedTest("embedded: it serves over the broker's own WebSocket", async () => {
  const { url, wsUrl } = sharedBroker();
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("websocket");
  await using functions = await folder({ "websocket.ts": telling(queue) });
  await using runner = await startServing({ amqpUrl: wsUrl, functionsDir: functions.path });

  assertEquals(await post(runner, "websocket", "x"), 202);

  assertEquals((await runner.waitForLog(isHandled)).body, "x");
});

brokerTest("a wrong password is told without the password", async (url) => {
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
