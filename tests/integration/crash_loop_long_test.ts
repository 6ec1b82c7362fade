import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

const QUORUM = `arguments: { "x-queue-type": "quorum" }`;
const INNOCENT = Array.from({ length: 20 }, (_, index) => `innocent ${index}`);
/** More than it takes, far from a loop. */
const MOST_DEATHS = 15;

brokerTest("a message that kills its runner ends in the dead letters, and its neighbours are handled", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("deadly");
  await using functions = await folder({
    "deadly.ts": `
      export const config = {
        queue: { name: "${queue}", ${QUORUM} },
        isolation: "inline",
        concurrency: 30,
        prefetch: 30,
      };
      export default async (message, context) => {
        if (message.body === "poison") Deno.kill(Deno.pid, "SIGKILL");
        // Long enough to be in flight with it.
        await new Promise((done) => setTimeout(done, 50));
        context.log.info("handled", { body: message.body });
      };`,
  });
  await broker.declare(queue, true, { "x-queue-type": "quorum" });
  await broker.publish(queue, ["poison", ...INNOCENT], { contentType: "text/plain" });
  const handled = new Set<unknown>();
  let ended = false;
  let deaths = 0;
  let runner: RunnerProcess | undefined;

  // Starts it again each time it dies, as whatever keeps containers up does.
  const kept = (async () => {
    while (!ended && deaths < MOST_DEATHS) {
      const started = runner = new RunnerProcess({ amqpUrl: url, functionsDir: functions.path });
      const { signal } = await started.status;
      await started[Symbol.asyncDispose]();
      for (const { body } of handledBy(started)) handled.add(body);
      if (!ended && signal === "SIGKILL") deaths++;
    }
  })();
  try {
    const dead = await broker.take(`${queue}.dead`, 90_000);
    assertEquals(dead.bodyString(), "poison");
    const headers = dead.properties.headers as unknown as Record<string, unknown>;
    assertEquals([headers["warren-reason"], headers["warren-error-type"]], ["crashed", "CrashLoop"]);
    assertEquals(headers["warren-attempts"], 1);
    const all = () => new Set([...handled, ...(runner ? handledBy(runner) : []).map(({ body }) => body)]);
    await eventually(() => INNOCENT.every((body) => all().has(body)), { timeout: 20_000, what: "all to be handled" });
    const view = await eventually(async () => (await seen(runner!)).deadly);
    assertEquals([view.state, view.counts.crashed], ["serving", 1]);
    assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
    assert(deaths >= 5 && deaths < MOST_DEATHS, `it died ${deaths} times`);
  } finally {
    ended = true;
    runner?.kill("SIGKILL");
    await kept;
  }
});

brokerTest("a message that comes back from one drain after the other is no dead letter", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("patient");
  await using functions = await folder({
    "patient.ts": `
      export const config = { queue: { name: "${queue}", ${QUORUM} }, isolation: "inline", timeout: "2m" };
      export default async (message, context) => {
        context.log.info("handled", { attempt: message.attempt });
        await new Promise((done) => setTimeout(done, 60_000));
      };`,
  });
  await broker.declare(queue, true, { "x-queue-type": "quorum" });
  await broker.publish(queue, ["long"], { messageId: "long" });
  const env = { DRAIN_TIMEOUT: "50" };

  for (let drains = 1; drains <= 6; drains++) {
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
    const { attempt } = await runner.waitForLog(({ message }) => message === "handled");
    assertEquals(attempt, 1);
    runner.kill("SIGTERM");
    await runner.status;
  }

  const left = await broker.take(queue);
  assertEquals([left.bodyString(), left.properties.messageId], ["long", "long"]);
  assertEquals([(await broker.count(queue)).messages, (await broker.count(`${queue}.dead`)).messages], [0, 0]);
});
