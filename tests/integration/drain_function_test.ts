import { assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, startServing } from "../support/serving.ts";

embeddedTest(
  "a function that is paused on its page drains: the page says what still runs, until nothing does",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using gate = await Gate.make();
    const queue = broker.queue("drained");
    await using functions = await folder({
      "drained.ts": `
      export const config = { queue: "${queue}", concurrency: 2, permissions: ${gate.permissions} };
      export default async (message, context) => {
        context.log.info("begun");
        ${gate.wait}
        context.log.info("handled");
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    const address = `${runner.url}/console/functions/drained`;
    const page = async () => await (await fetch(address, { headers: { accept: "text/html" } })).text();
    await broker.publish(queue, ["1", "2", "3"]);
    await eventually(() => runner.log.filter(({ message }) => message === "begun").length === 2);

    const answer = await fetch(`${address}/pause`, { method: "POST", body: new URLSearchParams() });
    assertStringIncludes(await answer.text(), "It takes no more messages.");
    await eventually(async () => (await page()).includes("Paused: 2 still running."));
    await gate.open();
    await eventually(async () => (await page()).includes("Paused, nothing runs."));

    // What had not begun waits in the queue.
    await eventually(async () => (await broker.count(queue)).messages === 1);
    await (await fetch(`${address}/resume`, { method: "POST", body: new URLSearchParams() })).body?.cancel();
    await eventually(() => handledBy(runner).length === 3);
  },
);
