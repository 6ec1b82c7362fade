import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

brokerTest("a paused function leaves its messages in the queue, and takes them when it goes on", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("paused");
  await using functions = await folder({
    "telling.ts": `export const config = { queue: "${queue}" };
      export default (message, context) => context.log.info("handled", { body: message.body });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const tell = async (what: string) => {
    const response = await fetch(`${runner.url}/functions/telling/${what}`, { method: "POST" });
    return [response.status, (await response.json()).state];
  };

  assertEquals(await tell("pause"), [200, "paused"]);
  await eventually(async () => (await broker.count(queue)).consumers === 0);
  await broker.publish(queue, ["one", "two"]);
  assertEquals(await broker.count(queue), { messages: 2, consumers: 0 });
  assertEquals((await tell("resume"))[0], 200);

  await eventually(() => handledBy(runner).length === 2);
  assertEquals(handledBy(runner).map(({ body }) => body), ["one", "two"]);
});

brokerTest(
  "a function whose dependency is down pauses, tries one message, and goes on when that works",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("switched");
    const marker = await Deno.makeTempDir({ prefix: "warren-flow-" });
    await using functions = await folder({
      "switched.ts": `
      export const config = {
        queue: "${queue}", concurrency: 1, permissions: { read: ["${marker}"] }, retry: { attempts: 50, delay: 50 },
        killSwitch: { window: "1m", errorRate: 0.5, minimum: 3, coolDown: 300 },
      };
      export default async (message, context) => {
        try { await Deno.stat("${marker}/up"); } catch { throw new Error("the dependency is down"); }
        context.log.info("handled", { body: message.body });
      };`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    const bodies = Array.from({ length: 20 }, (_, index) => `${index}`);

    await broker.publish(queue, bodies);
    await eventually(async () => (await seen(runner)).switched.state === "paused");
    await runner.waitForLog(({ message }) => message === "trying one message");
    const tried = (await seen(runner)).switched.counts.failed;
    await Deno.writeTextFile(`${marker}/up`, "");

    await eventually(() => handledBy(runner).length === 20, { timeout: 20_000 });
    assert(tried < 10, `${tried} were tried while it was down`);
    assertEquals(new Set(handledBy(runner).map(({ body }) => body)), new Set(bodies));
    assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
    await Deno.remove(marker, { recursive: true });
  },
);

brokerTest("a rate limit spreads the starts", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("limited");
  await using functions = await folder({
    "limited.ts": `export const config = { queue: "${queue}", warm: true, rateLimit: { limit: 5, per: "500ms" } };
      export default (_, context) => context.log.info("handled", { at: Date.now() });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

  const before = Date.now();
  await broker.publish(queue, Array.from({ length: 15 }, () => "x"));

  await eventually(() => handledBy(runner).length === 15);
  // Five at once, and ten more at one in 100 ms; a process that starts late makes them no fewer.
  const took = Math.max(...handledBy(runner).map(({ at }) => Number(at))) - before;
  assert(took >= 950, `15 took ${took} ms`);
});
