import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Proxy } from "../support/proxy.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { startServing } from "../support/serving.ts";

const KEYS = 50;
const EACH = 200;
const PARTITIONS = 8;

/** What a handler returns is published before its message is acked: so the output's queue has the order of all runners. */
function telling(queue: string): string {
  return `
    export const config = {
      queue: "${queue}", output: "${queue}.done", concurrency: 20, retry: ["50ms", "50ms"],
      order: { by: { header: "key" }, partitions: ${PARTITIONS} },
    };
    export default async (message) => {
      const [key, n] = message.body.split("/").map(Number);
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (n % 17 === key % 17 && message.attempt === 1) throw new Error("on the first attempt");
      return message.body;
    };`;
}

brokerTest("keys stay in order while runners come, drain, are killed and lose their connection", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("ordered");
  for (let at = 0; at < PARTITIONS; at++) broker.own(`${queue}.p${at}`);
  const done = broker.own(`${queue}.done`);
  await broker.declare(queue);
  await broker.declare(done);
  await using functions = await folder({ "telling.ts": telling(queue) });
  await using proxy = Proxy.for(url);
  const options = { amqpUrl: url, functionsDir: functions.path };
  const runners: RunnerProcess[] = [];
  await using all = new AsyncDisposableStack();
  const start = async (amqpUrl = url) => {
    const runner = all.use(await startServing({ ...options, amqpUrl }));
    runners.push(runner);
    return runner;
  };
  const until = (count: number) =>
    eventually(async () => (await broker.count(done)).messages >= count, {
      timeout: 120_000,
      interval: 50,
      what: `${count} to be done`,
    });
  const total = KEYS * EACH;
  const first = await start();
  const second = await start(proxy.urlFor(url));
  const bodies = Array.from({ length: total }, (_, at) => bodyOf(at));
  const headersOf = (at: number) => ({ headers: { key: String(at % KEYS) } });
  const publishing = (async () => {
    for (let from = 0; from < total; from += KEYS) {
      await broker.publish(queue, bodies.slice(from, from + KEYS), headersOf);
    }
  })();

  await until(total * 0.15);
  await start();
  await until(total * 0.3);
  first.kill("SIGKILL");
  await until(total * 0.45);
  proxy.cut();
  const fourth = await start();
  await until(total * 0.6);
  second.kill("SIGTERM");
  assertEquals((await second.status).code, 0);
  await until(total * 0.75);
  fourth.kill("SIGKILL");
  await publishing;
  const seen = await drain(broker, done, total);

  const last = new Map<number, number>();
  for (const [key, n] of seen) {
    const before = last.get(key) ?? -1;
    // What was not acked comes again; nothing comes before what was ahead of it.
    assert(n <= before + 1, `key ${key}: ${n} came after ${before}`);
    last.set(key, Math.max(before, n));
  }
  assertEquals([...last.values()], Array(KEYS).fill(EACH - 1));
  const again = seen.length - total;
  console.log(`${total} messages of ${KEYS} keys in order, ${again} of them handled again`);
  // Two kills and a cut, each with what the router and the partitions had out.
  assert(again <= 3 * (200 + PARTITIONS * 20), `${again} were handled again`);
  assertEquals((await broker.count(`${queue}.dead`)).messages, 0);
});

/** The key and the number in it of the message that is published as number `at`. */
function bodyOf(at: number): string {
  return `${at % KEYS}/${Math.floor(at / KEYS)}`;
}

/** All that is there once everything is done, in the order in which it was published. */
async function drain(broker: BrokerClient, done: string, total: number): Promise<[number, number][]> {
  const seen: string[] = [];
  await eventually(async () => {
    seen.push(...(await broker.drain(done)).map((message) => message.bodyString() ?? ""));
    return new Set(seen).size === total;
  }, { timeout: 60_000, interval: 100, what: "all to be done" });
  return seen.map((body) => body.split("/").map(Number) as [number, number]);
}
