import { assertEquals } from "@std/assert";
import { DepthGauge, type Watched } from "../../../lib/amqp/depth/depth_gauge.ts";
import type { ManagedQueue } from "../../../lib/amqp/depth/management_api.ts";
import { oldestAge } from "../../../lib/amqp/depth/oldest.ts";
import { countQueues } from "../../../lib/amqp/depth/queue_counts.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { FunctionConfig } from "../../../lib/mod.ts";
import { FakeBroker } from "./fake_broker.ts";

function watched(name: string, config: FunctionConfig = {}, known: Partial<Watched> = {}): Watched {
  const definition = resolveFunctionConfig({ ...config }, { name, file: `/${name}.ts`, version: "1" });
  return { definition, running: 0, heldBack: new Map(), newest: undefined, ...known };
}

const RETRY: FunctionConfig = { retry: ["1s", "5s"] };

Deno.test("a depth tells what is ready, retrying and dead, and who consumes", async () => {
  const broker = new FakeBroker({ pay: [7, 2], "pay.dead": [3, 0], "warren.retry.1000": [10, 0] });
  const gauge = new DepthGauge({ now: () => 5_000 });
  const known = { running: 4, heldBack: new Map([[1_000, 6]]), newest: 3_000 };
  assertEquals(await gauge.measure(broker.client, [watched("pay", RETRY, known)]), [{
    function: "pay",
    queue: "pay",
    ready: 7,
    unacknowledged: 4,
    retrying: 6,
    retryingAtMost: 10,
    dead: 3,
    oldest: 2_000,
    consumers: 2,
    at: 5_000,
    source: "broker",
  }]);
});

Deno.test("no more are retrying than the retry queues hold: some came back early, or were cancelled", async () => {
  const broker = new FakeBroker({ pay: [0, 1], "pay.dead": [0, 0], "warren.retry.1000": [2, 0] });
  const known = { heldBack: new Map([[1_000, 6], [30_000, 5]]) };
  const [depth] = await new DepthGauge().measure(broker.client, [watched("pay", RETRY, known)]);
  // The queue for 30 s is not there any more.
  assertEquals([depth.retrying, depth.retryingAtMost], [2, 2]);
});

Deno.test("of an ordered function the partitions count, and its runners are its consumers", async () => {
  const broker = new FakeBroker({
    pay: [1, 1],
    "pay.p0": [2, 1],
    "pay.p1": [3, 1],
    "warren.members.pay": [0, 3],
    "pay.dead": [0, 0],
  });
  const [depth] = await new DepthGauge().measure(broker.client, [
    watched("pay", { order: { by: "routingKey", partitions: 2 } }),
  ]);
  assertEquals([depth.ready, depth.consumers, depth.retryingAtMost], [6, 3, 0]);
});

Deno.test("a queue that the broker does not tell of is unknown, and spoils nothing else", async () => {
  const broker = new FakeBroker({ pay: [1, 1], "pay.dead": "NOT_ALLOWED (403)", ship: "down", "ship.dead": [4, 0] });
  const depths = await new DepthGauge().measure(broker.client, [watched("pay"), watched("ship")]);
  assertEquals(depths.map(({ ready, dead, consumers, oldest }) => [ready, dead, consumers, oldest]), [
    [1, undefined, 1, undefined],
    [undefined, 4, undefined, undefined],
  ]);
});

Deno.test("a queue without an answer is given up, and the others are asked on another channel", async () => {
  const broker = new FakeBroker({ a: [1, 0], b: "silent", c: [3, 0] });
  const answers = await countQueues(broker.client, ["c", "b", "a"], { sideBySide: 1, patience: 10 });
  assertEquals([answers.get("a"), answers.get("c")], [{ ready: 1, consumers: 0 }, { ready: 3, consumers: 0 }]);
  const late = answers.get("b");
  assertEquals(
    late instanceof WarrenError && late.message,
    'cannot count queue "b": the broker did not answer within 0.01 s',
  );
});

Deno.test("so many questions are asked at the same time, and not more, however many queues there are", async () => {
  const names = Array.from({ length: 1_000 }, (_, at) => `queue-${at}`);
  const broker = new FakeBroker(Object.fromEntries(names.map((name) => [name, [1, 0] as [number, number]])));
  const answers = await countQueues(broker.client, names, { sideBySide: 8 });
  assertEquals([answers.size, broker.most, broker.opened], [1_000, 8, 8]);
});

Deno.test("a retry queue that is not there is not asked for at each look: brokers log that", async () => {
  let now = 0;
  const broker = new FakeBroker({ pay: [0, 0], "pay.dead": [0, 0] });
  const gauge = new DepthGauge({ now: () => now });
  const look = async (known: Partial<Watched> = {}) => {
    broker.asked.length = 0;
    const [{ retryingAtMost }] = await gauge.measure(broker.client, [watched("pay", RETRY, known)]);
    return [retryingAtMost, broker.asked.filter((name) => name.startsWith("warren.retry."))];
  };
  assertEquals(await look(), [0, ["warren.retry.5000", "warren.retry.1000"]]);
  assertEquals(await look(), [0, []]);
  broker.queues["warren.retry.1000"] = [1, 0];
  assertEquals(await look({ heldBack: new Map([[1_000, 1]]) }), [1, ["warren.retry.1000"]]);
  now += 5 * 60_000;
  assertEquals(await look(), [1, ["warren.retry.5000", "warren.retry.1000"]]);
});

Deno.test("the management API tells what consumers have and how old the first message is", async () => {
  const broker = new FakeBroker({ pay: [7, 2], "pay.dead": [0, 0] });
  const queues: ManagedQueue[] = [{ name: "pay", messages_unacknowledged: 9, head_message_timestamp: 10 }];
  const management = { queues: () => Promise.resolve(new Map(queues.map((queue) => [queue.name, queue]))) };
  const gauge = new DepthGauge({ management, now: () => 12_500 });
  const [depth] = await gauge.measure(broker.client, [watched("pay", {}, { running: 1 })]);
  assertEquals([depth.unacknowledged, depth.oldest, depth.source], [9, 2_500, "management"]);
});

Deno.test("a management API that fails is told of and left alone for a while; the broker's own numbers are there", async () => {
  let [now, asked] = [0, 0];
  const broker = new FakeBroker({ pay: [7, 2], "pay.dead": [0, 0] });
  const errors: unknown[] = [];
  const management = {
    queues: () => {
      asked++;
      return Promise.reject(new Error("refused"));
    },
  };
  const onManagementError = (error: unknown) => errors.push(error);
  const gauge = new DepthGauge({ management, onManagementError, now: () => now });
  const measure = () => gauge.measure(broker.client, [watched("pay", {}, { running: 1 })]);
  const [depth] = await measure();
  assertEquals([depth.ready, depth.unacknowledged, depth.source, errors.length], [7, 1, "broker", 1]);
  now += 29_999;
  await measure();
  assertEquals(asked, 1);
  now += 1;
  await measure();
  assertEquals(asked, 2);
});

Deno.test("the oldest is no older than the newest that was received, and than the last look at an empty queue", async () => {
  assertEquals(oldestAge({ newest: undefined, empty: undefined }, 100), undefined);
  assertEquals(oldestAge({ newest: 40, empty: undefined }, 100), 60);
  assertEquals(oldestAge({ newest: 40, empty: 90 }, 100), 10);
  // A publisher's clock may be ahead.
  assertEquals(oldestAge({ newest: 400, empty: 90 }, 100), 0);

  let now = 10_000;
  const broker = new FakeBroker({ pay: [0, 0], "pay.dead": [0, 0] });
  const gauge = new DepthGauge({ now: () => now });
  const oldest = async () => (await gauge.measure(broker.client, [watched("pay", {}, { newest: 2_000 })]))[0].oldest;
  assertEquals(await oldest(), 0);
  broker.queues.pay = [5, 0];
  now += 3_000;
  assertEquals(await oldest(), 3_000);
  gauge.keepOnly(new Set());
  assertEquals(await oldest(), 11_000);
});
