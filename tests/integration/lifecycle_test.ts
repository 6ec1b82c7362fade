import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { parseDuration } from "../../lib/base/time/duration.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { CLOSE_LIMIT } from "../../lib/runner/runner.ts";
import { type Folder, folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { Gate } from "../support/gate.ts";
import { type LogLine, RunnerProcess, startRunner } from "../support/runner_process.ts";
import { handledBy, isHandled, post, startServing, status } from "../support/serving.ts";

const begun = ({ message }: LogLine) => message === "begun";
const draining = ({ message }: LogLine) => message.includes("draining for up to");

/** A function that goes on once the gate is open. */
function gated(queue: string, gate: Gate): Promise<Folder> {
  return folder({
    "gated.ts": gate.functionFor(queue),
  });
}

/** A function that takes a minute, whatever its signal says. */
function endless(queue: string): Promise<Folder> {
  return folder({
    "endless.ts": `
      export const config = { queue: "${queue}", timeout: "2m" };
      export default async (message, context) => {
        context.log.info("begun");
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      };`,
  });
}

brokerTest(
  "a function whose file was removed finishes what it runs, also when the runner stops meanwhile",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    await using gate = await Gate.make();
    const queue = broker.queue("removed");
    await using functions = await gated(queue, gate);
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env: { WATCH: "true" } });
    await broker.publish(queue, ["in flight"]);
    await runner.waitForLog(begun);
    await Deno.remove(join(functions.path, "gated.ts"));
    await runner.waitForLog(({ message }) => message.startsWith("removed;"));

    runner.kill("SIGTERM");
    await runner.waitForLog(draining);
    await gate.open();

    assertEquals((await runner.status).code, 0);
    assertEquals(handledBy(runner).map(({ body }) => body), ["in flight"]);
    assertEquals((await broker.count(queue)).messages, 0);
  },
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  brokerTest(
    `at ${signal} what runs is finished and acked, and what waits stays in the queue untouched`,
    async (url) => {
      await using broker = await BrokerClient.connect(url);
      await using gate = await Gate.make();
      const queue = broker.queue("drained");
      await using functions = await gated(queue, gate);
      await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
      await broker.publish(queue, ["in flight", "waiting"]);
      await runner.waitForLog(begun);

      runner.kill(signal);
      await runner.waitForLog(draining);
      await gate.open();
      const { code } = await runner.status;

      assertEquals(code, 0);
      assertEquals(handledBy(runner).map(({ body }) => body), ["in flight"]);
      const left = await broker.take(queue);
      assertEquals([left.bodyString(), left.redelivered], ["waiting", false]);
      assertEquals((await broker.count(queue)).messages, 0);
    },
  );
}

brokerTest("all that a runner prints is its log, also when it answers and a client goes away", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const name = broker.queue("printing");
  await using functions = await folder({ [`${name}.ts`]: gate.functionFor(name) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const ask = (signal?: AbortSignal) => {
    return fetch(`${runner.url}/functions/${name}`, {
      method: "POST",
      headers: { prefer: "wait=30" },
      body: "x",
      signal,
    });
  };
  const client = new AbortController();
  const gone = ask(client.signal).catch(() => {});
  await runner.waitForLog(begun);
  client.abort();
  await gone;
  await gate.open();
  const answer = await ask();
  await answer.body?.cancel();
  assertEquals(answer.status, 200);

  runner.kill();
  await runner.status;

  assertEquals(runner.log.filter(({ level }) => level === "raw"), []);
});

brokerTest("what is not done when the drain times out goes back to the queue", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("overdue");
  await using functions = await endless(queue);
  const env = { DRAIN_TIMEOUT: "1s" };
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(begun);

  runner.kill("SIGTERM");
  const { code } = await runner.status;

  assertEquals(code, 0);
  const back = await broker.take(queue);
  assertEquals([back.bodyString(), back.properties.headers?.["warren-attempt"]], ["x", undefined]);
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
});

brokerTest("a second signal ends it at once, and the message comes again", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("twice");
  await using functions = await endless(queue);
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(begun);

  runner.kill("SIGTERM");
  await runner.waitForLog(draining);
  let ended = false;
  void runner.status.then(() => ended = true);
  // Within 300 ms a second signal counts as the first one again: sent until it counts.
  await eventually(() => {
    runner.kill("SIGTERM");
    return ended;
  }, { timeout: 3_000, interval: 100 });

  assertEquals((await runner.status).code, 1);
  assertEquals((await broker.take(queue)).bodyString(), "x");
});

brokerTest("two signals at the same moment count as one", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("once");
  await using functions = await gated(queue, gate);
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  await runner.waitForLog(begun);

  runner.kill("SIGINT");
  runner.kill("SIGINT");
  await runner.waitForLog(draining);
  await gate.open();

  assertEquals((await runner.status).code, 0);
  assertEquals(handledBy(runner).length, 1);
});

Deno.test("it stops while the broker is away", async () => {
  await using functions = await folder({});
  const amqpUrl = "amqp://guest:guest@127.0.0.1:1";
  await using runner = await startRunner({ amqpUrl, functionsDir: functions.path });
  await runner.waitForLog(({ message }) => message.includes("trying again in"));

  runner.kill("SIGTERM");

  assertEquals((await runner.status).code, 0);
});

brokerTest("the HTTP port moves where it is taken and none was asked for", async (url) => {
  await using functions = await folder({});
  const options = { amqpUrl: url, functionsDir: functions.path, env: { PORT: "" } };
  await using first = await startRunner(options);
  await using second = await startRunner(options);

  assert(first.url !== second.url, `both are at ${first.url}`);
  assertEquals(await status(first, "/healthz"), 200);
  assertEquals(await status(second, "/healthz"), 200);
});

brokerTest("a port that was asked for and is taken is an error", async (url) => {
  await using functions = await folder({});
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(taken.addr.port);
  await using runner = new RunnerProcess({ amqpUrl: url, functionsDir: functions.path, env: { PORT: port } });

  const line = await runner.waitForLog(({ message }) => message.startsWith("warren: "));

  assertStringIncludes(line.message, `127.0.0.1:${port}`);
  assertEquals((await runner.status).code, 2);
});

brokerTest("a runner that is killed loses nothing", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("killed");
  await using functions = await gated(queue, gate);
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using first = await startServing(options);
  await broker.publish(queue, ["x"]);
  await first.waitForLog(begun);
  await using second = await startServing(options);

  first.kill("SIGKILL");
  await gate.open();

  assertEquals((await second.waitForLog(isHandled)).body, "x");
});

Deno.test("a stop ends within the 30 s of Kubernetes, also where a store never answers and a handler never ends", async () => {
  await using place = await BrokerPlace.make();
  await using functions = await folder({
    "hanging.ts": `
      export default async (_, context) => {
        context.log.info("begun");
        await context.once("key", () => 1);
      };`,
  });
  await using stores = await folder({
    "store.ts": `
      const never = () => new Promise(() => {});
      export default () => ({ claim: async () => ({ kind: "claimed" }), done: never, release: never, close: never });`,
  });
  const env = { ...place.env, BROKER: "embedded", DRAIN_TIMEOUT: "100ms", ONCE_STORE: `${stores.path}/store.ts` };
  await using runner = await startServing({ functionsDir: functions.path, env });
  assertEquals(await post(runner, "hanging", "x"), 202);
  await runner.waitForLog(begun);
  runner.kill("SIGTERM");
  await runner.waitForLog(({ message }) =>
    message === "not everything could be closed in time; unsettled messages are delivered again"
  );
  await runner.waitForLog(({ message }) => message === "stopped");
  assertEquals((await runner.status).code, 0);
});

Deno.test("the drain and what follows it leave a second of the 30 s of Kubernetes", () => {
  const drain = parseDuration(OPTIONS.find(({ key }) => key === "drainTimeout")!.default);
  assertEquals(drain + CLOSE_LIMIT, 29_000);
});
