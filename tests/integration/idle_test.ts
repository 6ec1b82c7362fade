import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest, embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { type RunnerProcess, startRunner } from "../support/runner_process.ts";
import { seen, startServing, status } from "../support/serving.ts";

const THROWS = 'throw new Error("no licence");';

interface Answer {
  status: number;
  body: { detail?: string; messageId?: string; state?: string };
}

/** Posts a message, and waits half a minute for its answer. */
async function ask(runner: RunnerProcess, name: string, headers: HeadersInit = { prefer: "wait=30" }): Promise<Answer> {
  const response = await fetch(`${runner.url}/functions/${name}`, { method: "POST", body: "x", headers });
  return { status: response.status, body: await response.json() };
}

async function checkOf(runner: RunnerProcess, name: string): Promise<{ ok: boolean; detail?: string } | undefined> {
  const { checks } = await (await fetch(`${runner.url}/readyz?verbose`)).json();
  return checks.find((check: { name: string }) => check.name === `function ${name}`);
}

const functionOn = (queue: string, module = "") =>
  `export const config = { queue: "${queue}" };\n${module}\nexport default () => ({ done: true });`;

brokerTest(
  "who waits for a function whose module throws gets 503 with the reason, and readiness names it",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("throws");
    await using functions = await folder({
      "throws.ts": functionOn(queue, THROWS),
      "fine.ts": functionOn(broker.queue("fine")),
    });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    assertMatch((await checkOf(runner, "throws"))?.detail ?? "", /not loaded yet/);
    assertEquals((await seen(runner)).throws.loaded, false);

    // The first one finds out, and the second one is told before anything is published.
    const first = await ask(runner, "throws");
    assertEquals(first.status, 503);
    assertMatch(
      first.body.detail ?? "",
      /^function "throws" is broken: .*no licence.*; message .* stays in its queue$/s,
    );
    const second = await ask(runner, "throws");
    assertEquals(second.status, 503);
    assertMatch(second.body.detail ?? "", /no licence.*; nothing was published$/s);
    const third = await ask(runner, "throws", {});
    assertEquals([third.status, third.body.state], [202, "broken"]);
    assertStringIncludes(third.body.detail ?? "", "no licence");

    await eventually(async () => (await broker.count(queue)).messages === 2);
    const check = await checkOf(runner, "throws");
    assertEquals(check?.ok, false);
    assertStringIncludes(check?.detail ?? "", "no licence");
    assertEquals([await status(runner, "/readyz"), (await ask(runner, "fine")).status], [200, 200]);
  },
);

embeddedTest("a strict runner is not ready before its modules are loaded, nor while one is broken", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("strict");
  await using functions = await folder({ "strict.ts": functionOn(queue, THROWS) });
  const env = { STRICT_READY: "true" };
  await using runner = await startRunner({ amqpUrl: url, functionsDir: functions.path, env });

  const statuses = new Set<number>();
  await eventually(async () => {
    statuses.add(await status(runner, "/readyz"));
    return (await checkOf(runner, "strict"))?.detail?.startsWith("broken");
  });
  statuses.add(await status(runner, "/readyz"));
  assertEquals([...statuses], [503]);
  await runner.waitForLog(({ message }) => /^not ready: .*function strict/s.test(message));
  await functions.write({ "strict.ts": functionOn(queue) });
  await eventually(async () => await status(runner, "/readyz") === 200);
  await runner.waitForLog(({ message }) => message === "ready");
});

embeddedTest("a warm function whose module throws is named by readiness before any message comes", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const config = `export const config = { queue: "${broker.queue("warm")}", warm: true };`;
  await using functions = await folder({ "warm.ts": `${config}\n${THROWS}\nexport default () => {};` });
  await using runner = await startRunner({ amqpUrl: url, functionsDir: functions.path });
  const check = await eventually(async () => {
    const found = await checkOf(runner, "warm");
    return found?.detail?.startsWith("broken") && found;
  });
  assertMatch(check.detail ?? "", /no licence/);
});

brokerTest("who waits for a paused function gets 503 at once, unless another runner serves it", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("rests");
  await using functions = await folder({ "rests.ts": functionOn(queue) });
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using runner = await startServing(options);
  const pause = await fetch(`${runner.url}/functions/rests/pause?here`, { method: "POST" });
  assertEquals((await pause.json()).state, "paused");

  const alone = await ask(runner, "rests");
  assertEquals(alone.status, 503);
  assertMatch(
    alone.body.detail ?? "",
    /^function "rests" is paused: in this runner since \S+; nothing was published$/,
  );
  assertEquals([await status(runner, "/readyz"), (await checkOf(runner, "rests"))?.ok], [200, false]);

  await using _other = await startServing(options);
  const response = await fetch(`${runner.url}/functions/rests`, {
    method: "POST",
    body: "x",
    headers: { prefer: "wait=30" },
  });
  assertEquals([response.status, await response.text()], [200, '{"done":true}']);
});

embeddedTest("who waits while a function is paused gets the answer if it was begun, and else 503", async (url) => {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = broker.queue("begun");
  await using functions = await folder({ "begun.ts": gate.functionFor(queue) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const begun = fetch(`${runner.url}/functions/begun`, { method: "POST", body: "a", headers: { prefer: "wait=30" } });
  await runner.waitForLog(({ message }) => message === "begun");
  const waits = ask(runner, "begun");
  await eventually(async () => (await broker.count(queue)).messages === 1);

  const pause = await fetch(`${runner.url}/functions/begun/pause?here`, { method: "POST" });
  await pause.body?.cancel();
  await gate.open();

  const answered = await begun;
  await answered.body?.cancel();
  assertEquals(answered.status, 200);
  const { status, body } = await waits;
  assertEquals(status, 503);
  assertMatch(body.detail ?? "", /is paused: in this runner since .*; message .* stays in its queue$/);
  assertEquals((await broker.count(queue)).messages, 1);
});

embeddedTest("who posts to a function that never loaded is told why", async (url) => {
  await using functions = await folder({
    "wrong.ts": "export const config = { concurency: 1 };\nexport default () => {};",
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  for (const headers of [{ prefer: "wait=30" }, {}]) {
    const { status, body } = await ask(runner, "wrong", headers as HeadersInit);
    assertEquals(status, 503);
    assertMatch(body.detail ?? "", /^function "wrong" is broken: .*concurency/);
  }
});

embeddedTest("only where a version before it serves does the log say that it keeps serving", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("twice");
  const wrong = "export const config = { concurency: 1 };\nexport default () => {};";
  await using functions = await folder({
    "twice.ts": functionOn(queue, THROWS),
    "good.ts": functionOn(broker.queue("good")),
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  await broker.publish(queue, ["x"]);
  await eventually(async () => (await seen(runner)).twice.state === "broken");

  await functions.write({ "twice.ts": functionOn(queue, 'throw new Error("no key");'), "good.ts": wrong });

  const refused = await runner.waitForLog(({ message }) => message.startsWith("the new version does not load"));
  assertMatch(refused.message, /no key.*; the previous version is broken too, so no version serves$/s);
  const kept = await runner.waitForLog(({ message, function: name }) =>
    name === "good" && message.includes("concurency")
  );
  assertMatch(kept.message, /; the previous version keeps serving$/);
});

embeddedTest("a runner that stops says whose invocations were not done, and of which messages", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("endless");
  await using functions = await folder({
    "endless.ts": `
      export const config = { queue: "${queue}", timeout: "2m" };
      export default async (message, context) => {
        context.log.info("begun");
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      };`,
  });
  const env = { DRAIN_TIMEOUT: "50ms" };
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
  await ask(runner, "endless", { "message-id": "order-7" });
  await runner.waitForLog(({ message }) => message === "begun");

  runner.kill("SIGTERM");

  const line = await runner.waitForLog(({ message }) => message.includes("not done within"));
  assertEquals(line.message, "1 invocation was not done within 0.05 s; its message goes back to the queue");
  assertEquals([line.function, line.messageIds], ["endless", ["order-7"]]);
  assert((await runner.status).success);
});
