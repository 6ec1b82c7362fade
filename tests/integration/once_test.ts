import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Folder, folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { RedisServer, redisTest } from "../support/redis.ts";
import type { LogLine, RunnerProcess } from "../support/runner_process.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

/** A runner of the functions in `files`, with a store that is shared by whoever has the same files. */
function serve(url: string, files: Folder, store = `sqlite:${files.path}/data/once.db`): Promise<RunnerProcess> {
  return startServing({ amqpUrl: url, functionsDir: `${files.path}/functions`, env: { ONCE_STORE: store } });
}

function ranBy(...runners: RunnerProcess[]): LogLine[] {
  return runners.flatMap(({ log }) => log.filter(({ message }) => message === "ran"));
}

brokerTest("an effect runs once for a message that fails after it, and every attempt gets its value", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("once");
  await using files = await folder({
    "functions/once.ts": `export const config = { queue: "${queue}", retry: ["50ms", "50ms"] };
      export default async (message, context) => {
        const charge = await context.once(() => {
          context.log.info("ran");
          return { id: crypto.randomUUID() };
        });
        context.log.info("handled", { charge, attempt: message.attempt });
        if (message.attempt < 3) throw new Error("not yet");
      };`,
  });
  await using runner = await serve(url, files);

  await broker.publish(queue, ["x"], { messageId: "m1" });

  await eventually(() => handledBy(runner).length === 3);
  const [first, ...others] = handledBy(runner).map(({ charge }) => JSON.stringify(charge));
  assertStringIncludes(first, "-");
  assertEquals(others, [first, first]);
  assertEquals(ranBy(runner).length, 1);
});

brokerTest(
  "an effect that throws, or whose process ends in the middle, runs again with the next attempt",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("once");
    await using files = await folder({
      "functions/once.ts": `export const config = { queue: "${queue}", timeout: "5m", retry: ["50ms"] };
      export default async (message, context) => {
        await context.once(async () => {
          context.log.info("ran");
          await new Promise((go) => setTimeout(go, 50)); // the line leaves
          if (message.attempt === 1 && message.body === "throw") throw new Error("not yet");
          if (message.attempt === 1 && message.body === "exit") Deno.exit(1);
        });
        context.log.info("handled", { body: message.body });
      };`,
    });
    await using runner = await serve(url, files);

    for (const body of ["throw", "exit"]) {
      await broker.publish(queue, [body], { messageId: body, contentType: "text/plain" });
      await eventually(() => handledBy(runner).at(-1)?.body === body);
    }
    assertEquals(ranBy(runner).length, 4);
    const { failed, crashed, completed } = (await eventually(() => counted(runner, "once", 4))).counts;
    assertEquals([failed, crashed, completed], [1, 1, 2]);
  },
);

brokerTest("two runners with the same key at once run the effect once, and both get its value", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = await broker.workQueue("once");
  await using files = await folder({
    "functions/once.ts": `export const config = { queue: "${queue}", concurrency: 1, permissions: ${gate.permissions} };
      export default async (message, context) => {
        context.log.info("begun");
        const value = await context.once("order/" + message.body, async () => {
          context.log.info("ran");
          ${gate.wait}
          return Deno.pid;
        });
        context.log.info("handled", { value });
      };`,
  });
  await using first = await serve(url, files);
  await using second = await serve(url, files);

  await broker.publish(queue, ["7", "7"]);

  const begun = ({ message }: LogLine) => message === "begun";
  await Promise.all([first.waitForLog(begun), second.waitForLog(begun)]);
  await gate.open();
  await eventually(() => handledBy(first).length === 1 && handledBy(second).length === 1);
  assertEquals(ranBy(first, second).length, 1);
  assertEquals(handledBy(first)[0].value, handledBy(second)[0].value);
});

brokerTest("a runner that stops gives its keys to the next one at once", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = await broker.workQueue("once");
  await using files = await folder({
    "functions/once.ts": `
      export const config = { queue: "${queue}", timeout: "5m", permissions: ${gate.permissions} };
      export default async (message, context) => {
        await context.once(async () => {
          context.log.info("ran");
          ${gate.wait}
        });
        context.log.info("handled");
      };`,
  });
  const options = { amqpUrl: url, functionsDir: `${files.path}/functions` };
  const env = { ONCE_STORE: `sqlite:${files.path}/once.db`, DRAIN_TIMEOUT: "100ms" };
  await using first = await startServing({ ...options, env });
  await broker.publish(queue, ["x"], { messageId: "m" });
  await first.waitForLog(({ message }) => message === "ran");
  first.kill("SIGTERM");
  await first.status;
  await gate.open();
  await using second = await startServing({ ...options, env });

  await eventually(() => handledBy(second).length === 1);
});

brokerTest("a store that cannot be used makes messages fail, which are retried, and then it is fine", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await broker.workQueue("once");
  await using files = await folder({ "data": "a file where its folder is to be" });
  await files.write({
    "functions/once.ts":
      `export const config = { queue: "${queue}", retry: { attempts: 100, delay: "50ms", multiplier: 1 } };
      export default async (message, context) => {
        await context.once(() => context.log.info("ran"));
        context.log.info("handled");
      };`,
  });
  await using runner = await serve(url, files);

  await broker.publish(queue, ["x"], { messageId: "m" });
  const failure = await runner.waitForLog((line) => says(line, "the store of once() cannot be used"));
  assertStringIncludes(JSON.stringify(failure), `${files.path}/data/once.db`);
  assertEquals(handledBy(runner), []);
  await Deno.remove(`${files.path}/data`);

  await eventually(() => handledBy(runner).length === 1);
  assertEquals(ranBy(runner).length, 1);
});

redisTest(
  "runners that share a Redis share the keys, also after it was killed, and no log has its password",
  async () => {
    await using hosted = await EmbeddedBroker.launch();
    await using redis = await RedisServer.launch();
    await using broker = await BrokerClient.connect(hosted.url);
    const queue = await broker.workQueue("once");
    await using files = await folder({
      "functions/once.ts": `
      export const config = { queue: "${queue}", concurrency: 5, retry: { attempts: 100, delay: "50ms", multiplier: 1 } };
      export default async (message, context) => {
        const value = await context.once(message.body, () => (context.log.info("ran"), Deno.pid));
        context.log.info("handled", { value });
      };`,
    });
    await using first = await serve(hosted.url, files, redis.url);
    await using second = await serve(hosted.url, files, redis.url);
    const handled = () => [...handledBy(first), ...handledBy(second)];

    await broker.publish(queue, Array.from({ length: 40 }, () => "a"));
    await eventually(() => handled().length === 40, { timeout: 20_000 });
    await redis.kill();
    await broker.publish(queue, Array.from({ length: 10 }, () => "a"));
    await eventually(() => [...first.log, ...second.log].some((line) => says(line, "Redis at 127.0.0.1")));
    assertEquals(handled().length, 40);
    await redis.start();
    await eventually(() => handled().length === 50, { timeout: 20_000 });

    assertEquals(ranBy(first, second).length, 1);
    assertEquals(new Set(handled().map(({ value }) => value)).size, 1);
    assert(!/pass(%2F|\/)word/.test(JSON.stringify([first.log, second.log])));
  },
);

function says(line: LogLine, text: string): boolean {
  return JSON.stringify(line).includes(text);
}

/** What the runner says of a function once so many of its invocations have ended. */
async function counted(runner: RunnerProcess, name: string, count: number) {
  const { [name]: view } = await seen(runner);
  return Object.values(view.counts).reduce((sum, each) => sum + each, 0) === count && view;
}
