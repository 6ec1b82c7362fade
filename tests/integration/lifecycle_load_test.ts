import { assert } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { startServing } from "../support/serving.ts";

brokerTest("a drain that times out ends soon after its time limit", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("overdue");
  await using functions = await folder({
    "endless.ts": `
      export const config = { queue: "${queue}", timeout: "2m" };
      export default (message, context) => {
        context.log.info("begun");
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      };`,
  });
  const env = { DRAIN_TIMEOUT: "1s" };
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(({ message }) => message === "begun");

  const asked = performance.now();
  runner.kill("SIGTERM");
  await runner.status;

  const took = performance.now() - asked;
  assert(took < 4_000, `it took ${Math.round(took)} ms`);
});
