import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Depth } from "../../lib/invocation/insight/depth.ts";
import type { FleetStatus } from "../../lib/invocation/insight/fleet_status.ts";
import type { FunctionHistory } from "../../lib/invocation/insight/run.ts";
import { runMain } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { eventually } from "../support/eventually.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, startServing } from "../support/serving.ts";

/** Fails or is held, as its message says; the next one waits in the queue. */
const moody = (queue: string, delay: number) =>
  `export const config = { queue: "${queue}", concurrency: 1, prefetch: 1, retry: [${delay}] };
  export default async (message, context) => {
    if (message.body === "fail") throw new Error("not now");
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  };`;

const report = (queue: string) =>
  `export const config = { queue: "${queue}", schedule: { cron: "0 0 1 1 *", timezone: "UTC" } };
  export default (message, context) => context.log.info("handled", { body: message.body });`;

async function get<T>(runner: RunnerProcess, path: string): Promise<T> {
  return await (await fetch(runner.url + path)).json();
}

/** The numbers that are of all runners. */
async function numbers(runner: RunnerProcess, name: string): Promise<(number | undefined)[]> {
  const { depth }: { depth?: Depth } = await get(runner, `/functions/${name}`);
  return [depth?.ready, depth?.unacknowledged, depth?.retrying, depth?.consumers];
}

async function untilNumbers(runner: RunnerProcess, name: string, expected: number[], timeout?: number): Promise<void> {
  let found: unknown;
  const same = async () => (found = (await numbers(runner, name)).join()) === expected.join();
  await eventually(same, { what: "ready, unacknowledged, retrying and consumers to be right", timeout })
    .catch((error) => assertEquals(found, expected.join(), error.message));
}

brokerTest("each runner shows the work of both, and ten seconds after a SIGKILL what is left", async (url) => {
  await using broker = await BrokerClient.connect(url);
  // A delay that no other test has: retry queues are shared by all that use the broker.
  const delay = (10 + Math.floor(Math.random() * 90)) * 10_000_000;
  const [queue, reports] = [broker.queue("moody"), broker.queue("report")];
  const rung = broker.own(`warren.retry.${delay}`);
  broker.own(`warren.schedule.${reports}`);
  // Names that no other test has: rows of functions with the same name become one.
  await using functions = await folder({ [`${queue}.ts`]: moody(queue, delay), [`${reports}.ts`]: report(reports) });
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using one = await startServing(options);
  await using two = await startServing(options);
  const send = async (...bodies: string[]) => {
    for (const body of bodies) {
      await (await fetch(`${one.url}/functions/${queue}`, { method: "POST", body })).body?.cancel();
    }
  };

  await send("fail", "fail", "fail", "fail");
  for (const runner of [one, two]) await untilNumbers(runner, queue, [0, 0, 4, 2]);
  await send("hold", "hold", "hold", "hold", "hold");
  for (const runner of [one, two]) await untilNumbers(runner, queue, [3, 2, 4, 2]);
  const scale = await get<Record<string, number>>(two, `/scale/${queue}`);
  assertEquals([scale.waiting, scale.inFlight, scale.total], [3, 2, 5]);
  const { troubles } = await get<FleetStatus>(one, "/status");
  assertEquals(troubles.filter((trouble) => trouble.function === queue || trouble.function === reports), []);

  const port = new URL(two.url).port;
  const { code, stdout } = await runMain(["run-now", reports, "--port", port]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, `message run-now/${reports}/`);
  const [{ body }] = await eventually(() => {
    const handled = [...handledBy(one), ...handledBy(two)];
    return handled.length > 0 && handled;
  });
  assertMatch((body as { scheduled: string }).scheduled, /^\d{4}-\d\d-\d\dT/);
  const { status } = await fetch(`${one.url}/functions/${queue}/run`, { method: "POST" });
  assertEquals(status, 409);

  const name = (await get<FleetStatus>(two, "/status")).runners.find(({ self }) => self)!.name;
  two.kill("SIGKILL");
  const killed = Date.now();
  await untilNumbers(one, queue, [4, 1, 4, 1], 10_000);
  const { runners, functions: statuses, troubles: after } = await eventually(async () => {
    const found = await get<FleetStatus>(one, "/status");
    return found.troubles.some(({ title }) => title === `runner ${name} is gone`) && found;
  }, { timeout: 10_000 - (Date.now() - killed) });
  assertEquals(runners.find((runner) => runner.name === name)?.gone, true);
  const row = statuses.find((each) => each.name === queue)!;
  assertEquals([row.serving, row.runners, row.running, row.waiting], [1, 1, 1, 4]);
  assertEquals(after.filter((trouble) => trouble.function === queue), []);
  const told = await runMain(["status", "--port", new URL(one.url).port]);
  assertEquals(told.code, 1);
  assertStringIncludes(told.stdout, `${name} is gone`);
  await broker.deleteExchange(rung);
});

Deno.test("on a healthy day nothing needs attention, and depths are in the history", async () => {
  await using broker = await EmbeddedBroker.launch();
  await using functions = await folder({ "report.ts": report("reports") });
  await using data = await folder({});
  const env = { WARREN_DATA: data.path };
  await using runner = await startServing({ amqpUrl: broker.url, functionsDir: functions.path, env });
  await (await fetch(`${runner.url}/functions/report/run`, { method: "POST" })).body?.cancel();
  await eventually(() => handledBy(runner).length === 1);
  const { code, stdout } = await runMain(["status", "--port", new URL(runner.url).port]);
  assertStringIncludes(stdout, "healthy: nothing needs attention");
  assertEquals(code, 0);
  const page = await fetch(`${runner.url}/`, { headers: { accept: "text/html" } });
  assertStringIncludes(await page.text(), "report");
  const { points } = await get<FunctionHistory>(runner, "/functions/report/history");
  const measured = points.filter(({ ready }) => ready !== undefined);
  assertEquals(measured.map(({ ready, dead }) => [ready, dead])[0], [0, 0]);
});
