import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Proxy } from "../support/proxy.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, startServing, untilReady } from "../support/serving.ts";

const MESSAGES = 10_000;
const PREFETCH = 10;

/** Twenty milliseconds a message: the whole run takes some seconds, so that there is a middle. */
function counting(queue: string, version: number): string {
  return `
    // version ${version}
    export const config = { queue: "${queue}", concurrency: ${PREFETCH}, prefetch: ${PREFETCH} };
    export default async (message, context) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      context.log.info("handled", { n: Number(message.body), version: ${version} });
    };`;
}

brokerTest("ten thousand messages outlive a killed runner, a drained one, a reload and two cuts", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("competing");
  await using functions = await folder({ "counting.ts": counting(queue, 1) });
  await using proxy = Proxy.for(url);
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using killed = await startServing(options);
  await using drained = await startServing(options);
  await using cut = await startServing({ ...options, amqpUrl: proxy.urlFor(url) });
  await using steady = await startServing(options);
  const all = [killed, drained, cut, steady];
  const handled = () => all.reduce((sum, runner) => sum + handledBy(runner).length, 0);
  const until = (count: number) =>
    eventually(() => handled() >= count, { timeout: 120_000, what: `${count} messages to be handled` });

  await broker.publish(queue, Array.from({ length: MESSAGES }, (_, n) => String(n)));

  await until(1_000);
  proxy.cut();
  await until(2_000);
  killed.kill("SIGKILL");
  await until(3_000);
  drained.kill("SIGTERM");
  assertEquals((await drained.status).code, 0);
  await untilReady(cut);
  const before = handledBy(cut).length;
  await eventually(() => handledBy(cut).length > before);
  await functions.write({ "counting.ts": counting(queue, 2) });
  await eventually(() => handledBy(cut).some(({ version }) => version === 2), { timeout: 30_000 });
  const remaining = (await broker.count(queue)).messages;
  assert(remaining > 0, "the second cut comes after the end");
  proxy.cut();
  await until(MESSAGES);
  await eventually(() => distinct(all).size === MESSAGES, { timeout: 60_000, what: "every message to be handled" });

  await untilReady(cut);
  for (const runner of [cut, steady]) {
    runner.kill("SIGTERM");
    assertEquals((await runner.status).code, 0);
  }
  assertEquals((await broker.count(queue)).messages, 0);
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
  const extra = handled() - MESSAGES;
  assert(extra <= PREFETCH * 3, `${extra} messages were handled twice`);
  console.log(`${extra} of ${MESSAGES} messages were handled twice; the bound is ${PREFETCH * 3}`);
  // Neither the drain nor the reload hands a message out twice: a kill or a cut had a part in each.
  assertEquals(twice([drained, steady]), []);
});

function numbers(runners: RunnerProcess[]): number[] {
  return runners.flatMap(handledBy).map(({ n }) => Number(n));
}

function distinct(runners: RunnerProcess[]): Set<number> {
  return new Set(numbers(runners));
}

/** Messages that these runners handled more than once. */
function twice(runners: RunnerProcess[]): number[] {
  const sorted = numbers(runners).sort((a, b) => a - b);
  return sorted.filter((n, index) => n === sorted[index - 1]);
}
