import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest, embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, post, seen, startServing } from "../support/serving.ts";
import type { RunnerProcess } from "../support/runner_process.ts";

/** Says "begun", waits for the gate, and does the rest. */
function gated(gate: Gate, config: string, then: string): string {
  return `
    export const config = { permissions: ${gate.permissions}, ${config} };
    export default async ({ body }, context) => {
      context.log.info("begun");
      ${gate.wait}
      ${then}
    };`;
}

function untilReloaded(runner: RunnerProcess) {
  return runner.waitForLog(({ message }) => message === "serving a new version");
}

brokerTest("what runs while its file is saved without an output still publishes its result", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const [queue, target] = [broker.queue("changing"), broker.queue("target")];
  await broker.declare(target);
  const output = `queue: "${queue}", output: { routingKey: "${target}" }`;
  await using functions = await folder({ "changing.ts": gated(gate, output, `return "result of " + body;`) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["a"]);
  await runner.waitForLog(({ message }) => message === "begun");

  await functions.write({ "changing.ts": `export const config = { queue: "${queue}" }; export default () => {};` });
  await untilReloaded(runner);
  await gate.open();

  assertEquals((await broker.take(target)).bodyString(), "result of a");
  await eventually(async () => (await seen(runner)).changing.counts.completed === 1);
});

brokerTest("what runs while its queue is renamed ends as a dead letter of the old queue", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const [was, is] = [broker.queue("was"), broker.queue("is")];
  const config = `queue: "${was}", retry: { attempts: 1 }`;
  await using functions = await folder({ "moving.ts": gated(gate, config, `throw new Error("no");`) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(was, ["a"]);
  await runner.waitForLog(({ message }) => message === "begun");

  await functions.write({ "moving.ts": `export const config = { queue: "${is}" }; export default () => {};` });
  await untilReloaded(runner);
  await gate.open();

  const dead = await broker.take(`${was}.dead`);
  assertEquals([dead.bodyString(), dead.properties.headers?.["warren-queue"] as unknown], ["a", was]);
  assertEquals((await broker.count(`${is}.dead`)).messages, 0);
  await eventually(async () => (await broker.count(was)).consumers === 0);
});

for (const prefetch of [10, 5]) {
  brokerTest(`five that wait for a batch run when it is saved without one, prefetch 10 to ${prefetch}`, async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("batched");
    const module = (config: string) => `
      export const config = { queue: "${queue}", ${config} };
      export default ({ body }, context) => context.log.info("handled", { body });`;
    await using functions = await folder({ "batched.ts": module('prefetch: 10, batch: { size: 10, wait: "1m" }') });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["1", "2", "3", "4", "5"]);
    await eventually(async () => (await seen(runner)).batched.running === 5);

    await functions.write({ "batched.ts": module(`prefetch: ${prefetch}`) });

    await eventually(() => handledBy(runner).length === 5);
    await eventually(async () => (await seen(runner)).batched.running === 0);
    await eventually(async () => (await broker.count(queue)).consumers === 1);
    assertEquals(new Set(handledBy(runner).map(({ body }) => body)), new Set(["1", "2", "3", "4", "5"]));
  });
}

brokerTest("a pause gives a partial batch back to its queue", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("batched");
  await using functions = await folder({
    "batched.ts": `
      export const config = { queue: "${queue}", prefetch: 10, batch: { size: 2, wait: "1m" } };
      export default (messages, context) => context.log.info("handled", { count: messages.length });`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["1", "2", "3"]);
  await eventually(() => handledBy(runner).length === 1);
  await eventually(async () => (await seen(runner)).batched.running === 1);

  assertEquals(await post(runner, "batched/pause?here", ""), 200);

  assertEquals([(await broker.count(queue)).messages, handledBy(runner).length], [1, 1]);
  await broker.publish(queue, ["4"]);
  assertEquals(await post(runner, "batched/resume?here", ""), 200);
  await eventually(() => handledBy(runner).length === 2);
});

embeddedTest(
  "a function that is paused while it is broken serves when it is resumed and its module loads",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using gate = await Gate.make();
    const queue = broker.queue("licensed");
    await using functions = await folder({
      "licensed.ts": `
      export const config = { queue: "${queue}", permissions: ${gate.permissions} };
      if (!${gate.isOpen}) throw new Error("no licence");
      export default ({ body, redelivered }, context) => context.log.info("handled", { body, redelivered });`,
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    await broker.publish(queue, ["a", "b"]);
    await eventually(async () => (await seen(runner)).licensed.state === "broken");
    assertEquals(await post(runner, "licensed/pause?here", ""), 200);
    await gate.open();
    const { state, error } = (await seen(runner)).licensed;
    assertEquals([state, error?.slice(0, 21)], ["paused", "paused in this runner"]);
    assertEquals((await broker.count(queue)).consumers, 0);

    assertEquals(await post(runner, "licensed/resume?here", ""), 200);

    await eventually(() => handledBy(runner).length === 2);
    assertEquals(handledBy(runner).map(({ body }) => body).sort(), ["a", "b"]);
  },
);

brokerTest("messages outlive an outage of many probes, and lose no attempt by them", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = await broker.workQueue("switched");
  const killSwitch = `{ window: "1m", errorRate: 0.5, minimum: 4, coolDown: 50 }`;
  await using functions = await folder({
    "switched.ts": `
      export const config = {
        queue: "${queue}", concurrency: 4, retry: { attempts: 3, delay: 50 },
        killSwitch: ${killSwitch}, permissions: ${gate.permissions},
      };
      export default ({ body, attempt, exchange }, context) => {
        if (!${gate.isOpen}) throw new Error("the dependency is down");
        context.log.info("handled", { body, attempt, exchange });
      };`,
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const bodies = Array.from({ length: 12 }, (_, index) => `${index}`);
  await broker.publish(queue, bodies);
  // Three attempts of twelve messages are 36 runs.
  await eventually(async () => (await seen(runner)).switched.counts.failed > 50, { timeout: 30_000 });
  await gate.open();

  await eventually(() => handledBy(runner).length === 12, { timeout: 30_000 });
  assertEquals(new Set(handledBy(runner).map(({ body }) => body)), new Set(bodies));
  assertEquals(handledBy(runner).filter(({ exchange }) => exchange !== ""), []);
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
});
