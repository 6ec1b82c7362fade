import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/gate.ts";
import { handledBy, startServing } from "../support/serving.ts";

const PARTITIONS = 4;

/** A queue whose partitions are deleted with it. */
async function orderedQueue(broker: BrokerClient): Promise<string> {
  const queue = await broker.workQueue("ordered");
  for (let at = 0; at < PARTITIONS; at++) broker.own(`${queue}.p${at}`);
  return queue;
}

function ordered(queue: string, by: string, handler: string, more = ""): string {
  return `
    export const config = {
      queue: "${queue}", order: { by: ${by}, partitions: ${PARTITIONS} }, concurrency: 50, ${more}
    };
    export default ${handler};`;
}

/** Eight keys with ten messages each: one of each key at a time, and all keys at once. */
async function handlesInOrder(url: string, by: string): Promise<void> {
  await using broker = await BrokerClient.connect(url);
  await using gate = await Gate.make();
  const queue = await orderedQueue(broker);
  const handler = `async (message, context) => {
    const { key, n } = message.body;
    context.log.info("begun", { key, n });
    ${gate.wait}
    context.log.info("handled", { key, n });
  }`;
  await using functions = await folder({
    "f.ts": ordered(queue, by, handler, `permissions: ${gate.permissions},`),
  });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];

  const messages = [...Array(10).keys()].flatMap((n) => keys.map((key) => ({ key, n })));
  await broker.publish(queue, messages.map((body) => JSON.stringify(body)), (at) => ({
    contentType: "application/json",
    headers: { tenant: messages[at].key },
  }));
  // One of each key begins, before any has ended.
  await eventually(() => runner.log.filter(({ message }) => message === "begun").length === keys.length);
  await gate.open();
  await eventually(() => handledBy(runner).length === 10 * keys.length);

  const lines = runner.log.filter(({ message }) => message === "begun" || message === "handled");
  const inside = new Set<unknown>();
  for (const { message, key } of lines) {
    if (message === "begun") assert(!inside.has(key), `two of ${key} at once`);
    if (message === "begun") inside.add(key);
    else inside.delete(key);
  }
  for (const key of keys) {
    assertEquals(handledBy(runner).filter((line) => line.key === key).map(({ n }) => n), [...Array(10).keys()]);
  }
}

brokerTest(
  "messages of one key are handled one after the other, and other keys beside them",
  async (url) => await handlesInOrder(url, `{ header: "tenant" }`),
);

brokerTest(
  "a value in the body can be the key of an order",
  async (url) => await handlesInOrder(url, `{ body: "key" }`),
);

brokerTest("a retry holds back its own key, and no other", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await orderedQueue(broker);
  const handler = `(message, context) => {
    const { key, n } = message.body;
    if (n === 1 && message.attempt < 3) throw new Error("not yet");
    if (n === 2) throw new Error("never");
    context.log.info("handled", { key, n, attempt: message.attempt, routingKey: message.routingKey });
  }`;
  const retry = `retry: { attempts: 3, delay: "300ms", jitter: 0, multiplier: 1 }, bindings: [{ exchange: "${queue}" ,
    routingKey: "tenant.*" }]`;
  await using functions = await folder({ "f.ts": ordered(queue, `"routingKey"`, handler, retry) });
  await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
  const publish = (key: string, n: number) =>
    broker.publishTo(queue, `tenant.${key}`, JSON.stringify({ key, n }), { contentType: "application/json" });

  for (const n of [1, 2, 3]) await publish("slow", n);
  for (let n = 10; n < 30; n++) await publish(`quick${n}`, n);
  await eventually(() => handledBy(runner).length === 22);
  await broker.deleteExchange(queue);

  const handled = handledBy(runner).map(({ n }) => n);
  assertEquals(handled.slice(-2), [1, 3], `in the end the slow ones, in their order: ${handled}`);
  assertEquals(handledBy(runner).at(-1)?.attempt, 1);
  assertEquals(handledBy(runner).at(-2)?.attempt, 3);
  assertEquals(handledBy(runner).at(-1)?.routingKey, "tenant.slow");
  const { properties } = await broker.take(`${queue}.dead`);
  const { "warren-routing-key": routingKey, "warren-attempts": attempts } = properties.headers ?? {};
  assertEquals([routingKey, attempts], ["tenant.slow", 3]);
});

brokerTest("a runner that comes gets its share, and one that drains leaves it to the others", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = await orderedQueue(broker);
  const handler = `(message, context) => context.log.info("handled", { n: Number(message.body) })`;
  await using functions = await folder({ "f.ts": ordered(queue, `{ header: "k" }`, handler) });
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using first = await startServing(options);
  const consumersOf = async (tag: string) =>
    (await Promise.all([...Array(PARTITIONS).keys()].map((at) => broker.count(`${tag}.p${at}`))))
      .reduce((sum, { consumers }) => sum + consumers, 0);
  await eventually(async () => await consumersOf(queue) === PARTITIONS);
  await using second = await startServing(options);
  let n = 0;
  const both = () => handledBy(first).length > 0 && handledBy(second).length > 0;
  await eventually(async () => {
    for (let k = 0; k < 16; k++) await broker.publish(queue, [String(n++)], { headers: { k: String(k) } });
    return both();
  }, { timeout: 20_000, interval: 200, what: "both runners to have partitions" });

  const handled = () => handledBy(first).length + handledBy(second).length;
  await eventually(() => handled() === n);

  first.kill("SIGTERM");
  assertEquals((await first.status).code, 0);
  const before = handledBy(second).length;
  for (let k = 0; k < 16; k++) await broker.publish(queue, [String(n++)], { headers: { k: String(k) } });
  await eventually(() => handledBy(second).length >= before + 16);
  assertEquals([handled(), handledBy(second).length - before], [n, 16]);
});
