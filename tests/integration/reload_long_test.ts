import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { isHandled, seen, startServing, untilReady } from "../support/serving.ts";
import { telling } from "./telling.ts";

brokerTest("a module that never finishes loading is broken, and the others serve", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const [stuck, working] = [broker.queue("stuck"), broker.queue("working")];
  await using functions = await folder({
    "stuck.ts": `
      export const config = { queue: "${stuck}" };
      await new Promise(() => setInterval(() => {}, 1000));
      export default () => {};`,
    "working.ts": telling(working),
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(stuck, ["x"]);
  await broker.publish(working, ["y"]);

  assertEquals((await runner.waitForLog(isHandled)).function, "working");
  await eventually(async () => (await seen(runner)).stuck.state === "broken", { timeout: 20_000 });
  await eventually(async () => (await broker.count(stuck)).messages === 1);
  await untilReady(runner);
});
