import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, startServing } from "../support/serving.ts";

const HANDLER = `(message, context) => context.log.info("handled", { body: message.body })`;

function ordered(queue: string, by: string, handler = HANDLER, more = ""): string {
  return `
    export const config = { queue: "${queue}", order: { by: ${by}, partitions: 2 }, concurrency: 50, ${more} };
    export default ${handler};`;
}

/** A queue whose partitions are deleted with it. */
function orderedQueue(broker: BrokerClient): string {
  const queue = broker.queue("ordered");
  for (const at of [0, 1]) broker.own(`${queue}.p${at}`);
  return queue;
}

const bodies = (runner: RunnerProcess) => handledBy(runner).map(({ body }) => String(body));

brokerTest("a header that has no text is a dead letter with a reason, and holds nothing up", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = orderedQueue(broker);
  await using functions = await folder({ "f.ts": ordered(queue, `{ header: "tenant" }`) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const tenants = [{ toString: "x" }, { valueOf: "x", toString: "y" }, "a", "a"] as unknown as string[];
  const headers = (n: number) => ({ tenant: tenants[n], kept: n });
  await broker.publish(queue, ["0", "1", "2", "3"], (n) => ({ messageId: `id ${n}`, headers: headers(n) }));

  await eventually(() => bodies(runner).length === 2);
  for (const n of [0, 1]) {
    const { properties } = await broker.take(`${queue}.dead`);
    assertEquals(properties.messageId, `id ${n}`);
    assertEquals([properties.headers?.["warren-reason"], properties.headers?.kept], ["undecodable", n]);
    assertStringIncludes(String(properties.headers?.["warren-error"]), 'the header "tenant" is a table');
  }
  assertEquals(bodies(runner), ["2", "3"]);
});

brokerTest("a timestamp that is no date does not make its neighbours run again", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = orderedQueue(broker);
  await using functions = await folder({ "f.ts": ordered(queue, `"routingKey"`) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  // Microseconds where seconds are expected.
  const timestamp = { valueOf: () => 1_600_000_000_000_000 * 1000 } as Date;
  await broker.publish(queue, ["odd", "next", "last"], (n) => n === 0 ? { timestamp } : {});
  await eventually(() => bodies(runner).includes("last"));
  await eventually(async () => (await broker.count(queue)).messages === 0);
  // Long enough for what would be copied again: the end of a drain gives back what is not settled.
  runner.kill("SIGTERM");
  await runner.status;
  const { messages: dead } = await broker.count(`${queue}.dead`);
  assertEquals([bodies(runner).filter((body) => body !== "odd"), bodies(runner).length + dead], [["next", "last"], 3]);
  for (const at of [0, 1]) assertEquals((await broker.count(`${queue}.p${at}`)).messages, 0);
});

brokerTest("a partition that is full is tried again after pauses, and keeps its order", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = orderedQueue(broker);
  await using gate = await Gate.make();
  const handler = `async (message, context) => {
    context.log.info("begun");
    ${gate.wait}
    context.log.info("handled", { body: message.body });
  }`;
  for (const at of [0, 1]) {
    await broker.declare(`${queue}.p${at}`, true, { "x-max-length": 1, "x-overflow": "reject-publish" });
  }
  const more = `prefetch: 1, permissions: ${gate.permissions}`;
  await using functions = await folder({ "f.ts": ordered(queue, `"routingKey"`, handler, more) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const all = Array.from({ length: 12 }, (_, n) => String(n));
  await broker.publish(queue, all);
  await runner.waitForLog(({ message }) => message.includes("takes nothing now"));
  await runner.waitForLog(({ message }) => message === "begun");
  assertEquals(runner.log.filter(({ message }) => message === "begun").length, 1);
  await gate.open();
  await eventually(() => bodies(runner).includes("11"), { timeout: 30_000 });
  // What overtook one that was refused is there once more, behind it.
  const last = bodies(runner).filter((body, at, ran) => ran.lastIndexOf(body) === at);
  assertEquals(last, all);
  assert(bodies(runner).length <= all.length + 2, bodies(runner).join());
  const refusals = runner.log.filter(({ message }) => message.includes("takes nothing now")).length;
  assert(refusals <= all.length, `${refusals} lines`);
  await eventually(async () => (await broker.count(queue)).messages === 0);
});

brokerTest("partitions that somebody deletes are declared again, and nothing is lost", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = orderedQueue(broker);
  await using functions = await folder({ "f.ts": ordered(queue, `{ header: "k" }`) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  for (const at of [0, 1]) await broker.delete(`${queue}.p${at}`);
  const all = Array.from({ length: 20 }, (_, n) => String(n));
  await broker.publish(queue, all, (n) => ({ headers: { k: String(n) } }));
  await eventually(() => new Set(bodies(runner)).size === all.length, { timeout: 20_000 });
  const lines = runner.log.filter(({ message }) => message.includes("declared again")).length;
  assert(lines <= 4, `${lines} lines`);
});
