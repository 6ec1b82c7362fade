import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { isRetried, Ledger, stageSource } from "../support/ledger.ts";
import { type PrivateBroker, PrivateEmbedded } from "../support/private_broker.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";

const MESSAGES = 100_000;
const RUNNERS = 3;
const STAGES = ["first", "second", "third"];
const PREFETCH = 100;
/** What a runner has out at most: only that can be handled twice when it is killed, cut off or loses its broker. */
const OUT = PREFETCH * STAGES.length;
/**
 * RabbitMQ takes messages out of a retry queue at least once: those that its worker had in hand when the broker stopped
 * (32 in each of the three queues) come twice, and no broker says `redelivered` of the copy.
 */
const WITH_WORKERS = 32 * 3;
const KILLS = 4;
const CUTS = 6;

/** To repeat a failure: every fate, every victim and every moment follows from it. */
const seed = Number(Deno.env.get("WARREN_TEST_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]) >>> 0;

Deno.test("embedded: a hundred thousand messages balance, whatever is killed", async () => {
  await using broker = await PrivateEmbedded.launch();
  await balances(broker, async () => {
    await broker.kill();
    await broker.start();
  }, 0);
});

privateNodeTest("RabbitMQ: a hundred thousand messages balance, whatever is killed", async () => {
  await using broker = await startPrivateNode();
  await balances(broker, async () => {
    await broker.stop();
    await broker.start();
  }, WITH_WORKERS);
});

/** @param unmarked how many may come twice without a word of the broker's that it delivered them before */
async function balances(broker: PrivateBroker, restart: () => Promise<void>, unmarked: number): Promise<void> {
  console.log(`WARREN_TEST_SEED=${seed}`);
  const started = performance.now();
  const queues = [...STAGES, "end"];
  await using functions = await folder();
  await using aside = await folder({ "witness": "" });
  const witness = join(aside.path, "witness");
  const pipeline = { seed, queues, prefetch: PREFETCH, witness };
  await functions.write(
    Object.fromEntries(STAGES.map((name, stage) => [`${name}.ts`, stageSource(pipeline, stage)])),
  );
  await declare(broker.url, "end");
  await using fleet = await Fleet.launch(RUNNERS, { amqpUrl: broker.url, functionsDir: functions.path });
  await using ledger = new Ledger(MESSAGES, pipeline);
  await publish(broker.url, queues[0]);

  await disturb(fleet, restart, () => done(broker.url, ledger.queues));
  await eventually(async () => await done(broker.url, ledger.queues) >= MESSAGES, {
    timeout: 600_000,
    interval: 200,
    what: "as many endings as messages",
  });
  const took = Math.round((performance.now() - started) / 1000);
  await ledger.read(broker.url);
  // Some of those that ended may be copies of others.
  await eventually(() => ledger.missing === 0, { timeout: 120_000 }).catch(() => {});
  await fleet.untilReady();
  assertEquals(await fleet.stop(), Array(RUNNERS).fill(0));

  const again = (await Deno.readTextFile(witness)).split("\n").filter((line) => line !== "").map(Number);
  const delivered = new Set(again);
  const silent = ledger.doubled.filter((n) => !delivered.has(n));
  const bound = OUT * (KILLS + CUTS + RUNNERS) + unmarked;
  console.table(ledger.balance());
  console.log(
    `${MESSAGES} messages in ${took} s; ${again.length} invocations were of messages delivered before; ` +
      `${ledger.extra} copies too many, of ${ledger.doubled.length} messages; the bound is ${bound}; ` +
      `${silent.length} of them were never said to be delivered before; the bound is ${unmarked}`,
  );
  assertEquals(ledger.lost, []);
  assertEquals(ledger.wrong, []);
  assertEquals(silent.filter((n) => !isRetried(seed, STAGES.length, n)), []);
  assert(silent.length <= unmarked, `nothing explains ${silent.length} copies`);
  assert(ledger.extra <= bound, `${ledger.extra} copies too many`);
}

/** Kills and cuts, in an order and at moments that follow from the seed, with a restart of the broker in the middle. */
async function disturb(fleet: Fleet, restart: () => Promise<void>, done: () => Promise<number>): Promise<void> {
  const random = randomFrom(seed);
  const pick = () => Math.floor(random() * fleet.size);
  const events = [
    ...Array(KILLS).fill(() => fleet.replace(pick())),
    ...Array(CUTS).fill(() => fleet.cut(pick())),
  ].map((event) => ({ event, order: random() })).sort((a, b) => a.order - b.order).map(({ event }) => event);
  events.splice(events.length / 2, 0, restart);
  // The last comes at four fifths at the latest.
  const step = MESSAGES * 0.8 / events.length;
  for (const [index, event] of events.entries()) {
    const moment = step * (index + random());
    await eventually(async () => await done() >= moment, {
      timeout: 300_000,
      interval: 100,
      what: `${Math.round(moment)} endings`,
    });
    await event();
  }
  const reached = await eventually(done);
  assert(reached < MESSAGES, "the last disturbance came after the end");
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many messages have ended. On a connection of its own: the broker may have been restarted since. */
async function done(url: string, queues: readonly string[]): Promise<number> {
  await using client = await BrokerClient.connect(url);
  let sum = 0;
  for (const queue of queues) sum += (await client.count(queue)).messages;
  return sum;
}

async function declare(url: string, queue: string): Promise<void> {
  await using client = await BrokerClient.connect(url);
  await client.declare(queue);
}

async function publish(url: string, queue: string): Promise<void> {
  await using client = await BrokerClient.connect(url);
  for (let from = 0; from < MESSAGES; from += 10_000) {
    const bodies = Array.from({ length: 10_000 }, (_, index) => String(from + index));
    await client.publish(queue, bodies, { contentType: "text/plain" });
  }
}
