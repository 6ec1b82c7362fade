import { assertEquals, assertMatch } from "@std/assert";
import type { AnnouncedRunner } from "../../lib/invocation/insight/fleet.ts";
import { runMain } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { eventually } from "../support/eventually.ts";
import { type RunnerProcess, startRunner } from "../support/runner_process.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

const telling = (queue: string, more = "") =>
  `export const config = { queue: "${queue}" ${more} };
  export default (message, context) => context.log.info("handled", { body: message.body });`;

const port = (runner: RunnerProcess) => new URL(runner.url).port;

/** The runners that have a function with that queue, as one of them sees it: others use the broker too. */
async function runnersOf(queue: string, at: RunnerProcess): Promise<AnnouncedRunner[]> {
  const { runners }: { runners: AnnouncedRunner[] } = await (await fetch(`${at.url}/runners`)).json();
  return runners.filter(({ functions }) => functions.some((announced) => announced.queue === queue));
}

/** Two runners see each other. */
async function untilMet(queue: string, one: RunnerProcess, two: RunnerProcess): Promise<void> {
  for (const runner of [one, two]) {
    const met = async () => (await runnersOf(queue, runner)).filter(({ gone }) => !gone).length === 2;
    await eventually(met, { what: "two runners to see each other" });
  }
}

/**
 * `POST /functions/:name/:what`; gives the lines that say how it stands where. On a broker that tests share there are
 * runners of others, which may be silent because they are just being killed.
 */
async function tell(runner: RunnerProcess, what: string): Promise<string[]> {
  const response = await fetch(`${runner.url}/functions/${what}`, { method: "POST" });
  const { runners, detail } = await response.json();
  assertEquals(response.status, 200, detail);
  return runners.map((standing: { state: string; detail?: string }) => standing.detail ?? standing.state);
}

/** `deno task pause` and the like, at that runner; gives its lines. */
async function task(runner: RunnerProcess, ...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runMain([...args, "--port", port(runner)], { USER: "ann" });
  // On a broker that tests share, a runner of another test may be silent.
  assertEquals([code, stderr.replaceAll(/^\S+ did not answer; .*\n/gm, "")], [0, ""]);
  return stdout.trim().split("\n");
}

brokerTest(
  "runners find each other, and pause together",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const [queue, ordered] = [await broker.workQueue("fleet"), await broker.workQueue("fleet-ordered")];
    for (const paused of [queue, ordered]) broker.own(`warren.paused.${paused}`);
    await using functions = await folder({
      "telling.ts": telling(queue),
      "ordered.ts": telling(ordered, ', order: { by: "routingKey", partitions: 1 }'),
    });
    const options = { amqpUrl: url, functionsDir: functions.path };
    await using one = await startServing(options);
    let two = await startServing(options);
    try {
      await untilMet(queue, one, two);
      assertEquals((await runnersOf(queue, two)).map(({ self }) => self), [true, false]);

      const lines = await task(one, "pause", "telling");
      assertEquals(lines.length, 2);
      for (const line of lines) assertMatch(line, /^telling on \S+: paused for all runners by ann since \S+Z$/);
      await tell(two, "ordered/pause");
      assertEquals([(await seen(two)).telling.state, (await seen(one)).ordered.state], ["paused", "paused"]);
      await eventually(async () => (await broker.count(queue)).consumers === 0);
      await broker.publish(queue, ["a"]);
      await broker.publish(ordered, ["b"]);

      // One that stops leaves the list, and one that starts now takes nothing either.
      two.kill("SIGTERM");
      await two.status;
      await eventually(async () => (await runnersOf(queue, one)).length === 1);
      two = await startServing(options);
      await untilMet(queue, one, two);
      const functionsOfTwo = await seen(two);
      assertEquals([functionsOfTwo.telling.state, functionsOfTwo.ordered.state], ["paused", "paused"]);
      await eventually(async () => (await seen(two)).telling.error?.includes("by ann since"));
      assertEquals([await broker.count(queue), await broker.count(ordered)], [
        { messages: 1, consumers: 0 },
        { messages: 1, consumers: 0 },
      ]);

      assertEquals((await tell(two, "telling/resume")).length, 2);
      await tell(two, "ordered/resume");
      await eventually(() => handledBy(one).length + handledBy(two).length === 2);
      await eventually(async () => (await seen(one)).telling.state === "serving");

      // In one alone.
      await tell(two, "telling/pause?here");
      assertEquals([(await seen(one)).telling.state, (await seen(two)).telling.state], ["serving", "paused"]);
      await tell(two, "telling/resume?here");
      await eventually(async () => (await seen(two)).telling.state === "serving");

      // For a time.
      assertMatch((await tell(one, "telling/pause?for=3s"))[0], /^paused for all runners since \S+, until \S+Z$/);
      assertEquals((await seen(two)).telling.state, "paused");
      await eventually(async () =>
        (await seen(one)).telling.state === "serving" && (await seen(two)).telling.state === "serving"
      );
    } finally {
      await two[Symbol.asyncDispose]();
    }
  },
);

Deno.test("a pause survives the end of the embedded broker and of all runners", async () => {
  await using broker = await EmbeddedBroker.launch();
  await using functions = await folder({ "telling.ts": telling("orders") });
  const options = { amqpUrl: broker.url, functionsDir: functions.path };
  {
    await using runner = await startServing(options);
    await task(runner, "pause", "telling", "--for", "1h");
    // It is there for whoever publishes before any runner is back.
    await (await fetch(`${runner.url}/functions/telling`, { method: "POST", body: '"a"' })).body?.cancel();
  }
  await broker.kill();
  await broker.start();
  await using runner = await startRunner(options);
  const { error } = await eventually(async () => {
    const { telling } = await seen(runner);
    return telling.error?.includes("until") && telling;
  });
  assertMatch(error ?? "", /^paused for all runners by ann since \S+, until \S+Z$/);
  await using client = await BrokerClient.connect(broker.url);
  assertEquals(await client.count("orders"), { messages: 1, consumers: 0 });
  await tell(runner, "telling/resume");
  await eventually(() => handledBy(runner).length === 1);
});

Deno.test("without a broker a pause for all is refused with the reason, and one here is not", async () => {
  await using functions = await folder({ "telling.ts": telling("orders") });
  const env = { BROKER: "none", BROKER_PORT: "1" };
  await using runner = await startRunner({ functionsDir: functions.path, env });
  const { code, stderr } = await runMain(["resume", "telling", "--port", port(runner)]);
  assertEquals(code, 1);
  assertMatch(stderr, /could not be resumed for all runners: no connection to the broker.*--here/);
  assertMatch((await tell(runner, "telling/pause?here"))[0], /^paused in this runner/);
  const { healthy, runners } = await (await fetch(`${runner.url}/status`)).json();
  assertEquals([healthy, runners.length], [false, 1]);
});

Deno.test("any runner shows the runs of all, each with the name of its runner", async () => {
  await using broker = await EmbeddedBroker.launch();
  await using functions = await folder({ "telling.ts": telling("orders") });
  const start = async () => {
    const data = await Deno.makeTempDir({ prefix: "warren-data-" });
    const runner = await startServing({
      amqpUrl: broker.url,
      functionsDir: functions.path,
      env: { WARREN_DATA: data },
    });
    return { runner, data };
  };
  const [{ runner: one, data }, { runner: two, data: other }] = [await start(), await start()];
  try {
    await untilMet("orders", one, two);
    await tell(one, "telling/pause?here");
    await (await fetch(`${one.url}/functions/telling`, { method: "POST", body: '"a"' })).body?.cancel();
    const [{ name }] = await runnersOf("orders", two);
    const { items: [run], silent } = await eventually(async () => {
      const found = await (await fetch(`${one.url}/runs`)).json();
      return found.items.length === 1 && found;
    });
    assertEquals([run.runner, run.outcome, silent], [name, "completed", []]);
  } finally {
    await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()]);
    await Promise.all([data, other].map((folder) => Deno.remove(folder, { recursive: true })));
  }
});
