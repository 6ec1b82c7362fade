import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, startServing } from "../support/serving.ts";

brokerTest(
  "a runner that is killed in the middle of an effect leaves it to another, once its lease is over",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using gate = await Gate.make();
    const queue = await broker.workQueue("once");
    await using files = await folder({
      "functions/once.ts": `
      export const config = { queue: "${queue}", timeout: "2s", retry: ["50ms", "50ms", "50ms"], permissions: ${gate.permissions} };
      export default async (message, context) => {
        await context.once(async () => {
          context.log.info("ran");
          ${gate.wait}
        });
        context.log.info("handled");
      };`,
    });
    const options = {
      amqpUrl: url,
      functionsDir: `${files.path}/functions`,
      env: { ONCE_STORE: `sqlite:${files.path}/data/once.db` },
    };
    await using first = await startServing(options);
    await broker.publish(queue, ["x"], { messageId: "m" });
    await first.waitForLog(({ message }) => message === "ran");
    const began = performance.now();
    first.kill("SIGKILL");
    await first.status;
    await gate.open();
    await using second = await startServing(options);

    await eventually(() => handledBy(second).length === 1, { timeout: 20_000 });
    // The time limit, a second of grace and two of margin.
    assert(performance.now() - began > 4_000);
    const ran = [first, second].flatMap(({ log }) => log.filter(({ message }) => message === "ran"));
    assertEquals(ran.length, 2);
  },
);
