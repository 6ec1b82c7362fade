import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import type { PrivateBroker } from "../support/private_broker.ts";
import { type RunnerProcess, startRunner } from "../support/runner_process.ts";
import { handledBy, isHandled, post, startServing, status, untilReady } from "../support/serving.ts";
import { telling, tryingAgain } from "./telling.ts";

/** Publishes on a connection of its own: the broker may have been restarted since the last. */
async function publish(url: string, queue: string, body: string): Promise<void> {
  await using client = await BrokerClient.connect(url);
  await client.publish(queue, [body]);
}

/** What may happen to a broker, and how the runner goes on after it: one step each. */
export async function outlivesItsBroker(broker: PrivateBroker, test: Deno.TestContext): Promise<void> {
  const steps: [name: string, step: (broker: PrivateBroker) => Promise<void>][] = [
    ["connections that are closed are opened again", closedConnections],
    ["a broker that is stopped and started is served again", restarted],
    ["a broker that is killed is served again", killed],
    ["a broker that says nothing any more is given up, and served again", frozen],
    ["a broker that is down at the start is waited for", downAtStart],
  ];
  for (const [name, step] of steps) await test.step(name, () => step(broker));
}

async function closedConnections(broker: PrivateBroker): Promise<void> {
  await using functions = await folder({ "closed.ts": telling("closed") });
  await using runner = await startServing({ amqpUrl: broker.closableUrl, functionsDir: functions.path });

  const words = await broker.closeConnections();
  await runner.waitForLog(({ level, message }) => level === "warn" && message.includes(words));
  await untilReady(runner);

  await publish(broker.url, "closed", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
  assertEquals(await post(runner, "closed", "y"), 202);
  await eventually(() => handledBy(runner).length === 2);
}

/** While publishers have to wait, HTTP answers 503: a request waits ten seconds for that. */
export async function memoryAlarm(broker: PrivateBroker): Promise<void> {
  await using functions = await folder({ "starved.ts": telling("starved") });
  await using runner = await startServing({ amqpUrl: broker.url, functionsDir: functions.path });

  await broker.starve();
  // A broker tells a connection of the alarm once that publishes: this one waits for the end of the alarm, or of its time.
  const first = post(runner, "starved", "first");
  try {
    await eventually(async () => (await publishingCheck(runner))?.detail?.includes("memory"), { what: "the alarm" });
    assertEquals((await publishingCheck(runner))?.ok, false);
    assertEquals(await post(runner, "starved", "x"), 503);
    assertEquals(await status(runner, "/readyz"), 503);
    assertEquals(await status(runner, "/healthz"), 200);
  } finally {
    await broker.feed();
    await first;
  }

  await untilReady(runner);
  assertEquals(await post(runner, "starved", "healed"), 202);
  await runner.waitForLog((line) => isHandled(line) && line.body === "healed");
}

interface Check {
  name: string;
  ok: boolean;
  detail?: string;
}

async function publishingCheck(runner: RunnerProcess): Promise<Check | undefined> {
  const response = await fetch(`${runner.url}/readyz?verbose`);
  const { checks }: { checks: Check[] } = await response.json();
  return checks.find(({ name }) => name === "broker: publishing");
}

async function restarted(broker: PrivateBroker): Promise<void> {
  await using functions = await folder({ "restarted.ts": telling("restarted") });
  await using runner = await startServing({ amqpUrl: broker.url, functionsDir: functions.path });

  await broker.stop();
  await eventually(async () => await status(runner, "/readyz") === 503);
  assertEquals(await status(runner, "/healthz"), 200);
  await broker.start();
  await untilReady(runner, 40_000);

  await publish(broker.url, "restarted", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}

async function killed(broker: PrivateBroker): Promise<void> {
  await using functions = await folder({ "killed.ts": telling("killed") });
  await using runner = await startServing({ amqpUrl: broker.url, functionsDir: functions.path });

  await broker.kill();
  await eventually(async () => await status(runner, "/readyz") === 503);
  await broker.start();
  await untilReady(runner, 40_000);

  await publish(broker.url, "killed", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}

async function frozen(broker: PrivateBroker): Promise<void> {
  await using functions = await folder({ "frozen.ts": telling("frozen") });
  const env = { AMQP_HEARTBEAT: "1s" };
  await using runner = await startServing({ amqpUrl: broker.url, functionsDir: functions.path, env });

  await broker.freeze();
  try {
    await runner.waitForLog(({ level, message }) => level === "warn" && message.includes("was silent"));
    assertEquals(await status(runner, "/readyz"), 503);
  } finally {
    await broker.thaw();
  }
  await untilReady(runner, 40_000);

  await publish(broker.url, "frozen", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}

async function downAtStart(broker: PrivateBroker): Promise<void> {
  await broker.stop();
  await using functions = await folder({ "early.ts": telling("early") });
  await using runner = await startRunner({ amqpUrl: broker.url, functionsDir: functions.path });
  await eventually(() => runner.log.filter(tryingAgain).length >= 4);
  assertEquals(await status(runner, "/readyz"), 503);

  await broker.start();
  await untilReady(runner, 40_000);

  await publish(broker.url, "early", "x");
  assertEquals((await runner.waitForLog(isHandled)).body, "x");
}
