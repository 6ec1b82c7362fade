import { assert, assertEquals } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_client.ts";
import { BrokerChild } from "./broker_child.ts";
import { bodyOf, idOf, QueueLedger } from "./crash_ledger.ts";
import { Random } from "./random.ts";

const ROUNDS = 200;
const EXCHANGE = "crash";
const PRIORITIES = 4;
/** Confirms that may be open, and messages that may wait. */
const OPEN = 500;
const WAITING = 9_000;
/** Acks from one lasting confirm to the next. */
const MARK_EVERY = 40;

/** Two queues of one exchange, and what publisher and consumer know of them over all runs of the broker. */
class Ledger {
  readonly confirmed = new Set<number>();
  readonly queues = [new QueueLedger("crash.plain", () => 0), new QueueLedger("crash.priority", (id) => id % 4)];
  /** The first message of this run of the broker, and how many waited in the longer queue when it began. */
  firstOfRun = 0;
  #waited = 0;
  #acked = 0;
  next = 0;
  /** Declared by the last run, and whether the broker said so; deleted likewise. */
  declared: string | undefined;
  deleted: string | undefined;

  restarted(waiting: number): void {
    this.firstOfRun = this.next;
    this.#waited = waiting;
    this.#acked = this.#acks;
    for (const queue of this.queues) queue.restarted();
  }

  /** About how many wait in each queue. */
  get waiting(): number {
    return this.#waited + this.next - this.firstOfRun - (this.#acks - this.#acked) / this.queues.length;
  }

  get #acks(): number {
    return this.queues.reduce((sum, { acked }) => sum + acked.size, 0);
  }

  lost(): string[] {
    return this.queues.flatMap(({ name, acked }) =>
      [...this.confirmed].filter((id) => !acked.has(id)).map((id) => `${name} ${id}`)
    );
  }
}

async function declareAll(channel: RawChannel): Promise<void> {
  await channel.call("exchange.declare", { exchange: EXCHANGE, type: "fanout", durable: true });
  await channel.call("queue.declare", { queue: "crash.plain", durable: true });
  await channel.call("queue.declare", {
    queue: "crash.priority",
    durable: true,
    arguments: { "x-max-priority": PRIORITIES - 1 },
  });
  for (const queue of ["crash.plain", "crash.priority"]) {
    await channel.call("queue.bind", { queue, exchange: EXCHANGE });
  }
}

/** Publishes until the broker is gone. */
async function publish(channel: RawChannel, ledger: Ledger): Promise<void> {
  await channel.call("confirm.select");
  const open: number[] = [];
  let tag = 0;
  for (;;) {
    while (open.length < OPEN && ledger.waiting < WAITING) {
      const id = ledger.next++;
      open.push(id);
      channel.publish({ exchange: EXCHANGE }, bodyOf(id), { deliveryMode: 2, priority: id % PRIORITIES });
    }
    // Enough waits; the consumer goes on alone.
    if (open.length === 0) return;
    const { deliveryTag, kind } = await channel.confirmations.next(60_000);
    assertEquals(kind, "ack");
    for (; tag < deliveryTag; tag++) ledger.confirmed.add(open.shift()!);
  }
}

/** Consumes and acks until the broker is gone. */
async function consume(channel: RawChannel, ledger: Ledger, random: Random): Promise<void> {
  await channel.call("confirm.select");
  await channel.call("basic.qos", { prefetchCount: random.pick([1, 20, 300, 0]) });
  const tags = new Map<string, QueueLedger>();
  for (const queue of ledger.queues) {
    tags.set(queue.name, queue);
    await channel.consume(queue.name, { consumerTag: queue.name });
  }
  const held: { tag: number; id: number; queue: QueueLedger }[] = [];
  const unsettled: { id: number; queue: QueueLedger }[] = [];
  const marks: number[] = [];
  const settle = (count: number) => {
    for (const { id, queue } of unsettled.splice(0, count)) queue.settled.add(id);
  };
  const marking = (async () => {
    for (let tag = 0;;) {
      const { deliveryTag } = await channel.confirmations.next(60_000);
      for (; tag < deliveryTag; tag++) settle(marks.shift()!);
    }
  })();
  marking.catch(() => {});
  let sinceMark = 0;
  for (;;) {
    const delivery = await channel.nextDelivery(60_000);
    const id = idOf(delivery.body);
    const queue = tags.get(delivery.consumerTag)!;
    queue.delivered(id, delivery.redelivered, id < ledger.firstOfRun);
    if (random.chance(0.02)) {
      queue.requeue(id);
      channel.nack(delivery.tag, { requeue: true });
      continue;
    }
    held.push({ tag: delivery.tag, id, queue });
    const multiple = random.chance(0.3);
    const settled = multiple ? held.splice(0) : [held.splice(random.int(held.length), 1)[0]];
    channel.ack(settled[settled.length - 1].tag, multiple);
    for (const { id, queue } of settled) {
      queue.ack(id);
      unsettled.push({ id, queue });
    }
    sinceMark += settled.length;
    if (sinceMark < MARK_EVERY) continue;
    // It leads nowhere, and its confirm says that everything before it lasts.
    channel.publish({ routingKey: "crash.nowhere" }, "");
    marks.push(sinceMark);
    sinceMark = 0;
  }
}

/** Declares one queue and deletes the one before, and remembers what the broker promised. */
async function redeclare(channel: RawChannel, ledger: Ledger, round: number): Promise<void> {
  const queue = `crash.round-${round}`;
  const before = ledger.declared;
  await channel.call("queue.declare", { queue, durable: true });
  ledger.declared = queue;
  if (before === undefined) return;
  await channel.call("queue.delete", { queue: before });
  ledger.deleted = before;
}

/** Whether declarations and deletions lasted; gives how many messages wait in the longest queue. */
async function checkDeclared(broker: BrokerChild, { declared, deleted, queues }: Ledger): Promise<number> {
  await using client = await broker.connect();
  const channel = await client.channel();
  const waiting = await depths(channel, queues);
  if (declared !== undefined) await channel.call("queue.declare", { queue: declared, passive: true });
  if (deleted !== undefined) await channel.refused(404, "queue.declare", { queue: deleted, passive: true });
  return Math.max(...waiting);
}

async function depths(channel: RawChannel, queues: readonly QueueLedger[]): Promise<number[]> {
  const counts = queues.map(({ name }) => channel.call("queue.declare", { queue: name, passive: true }));
  return (await Promise.all(counts)).map(({ messageCount }) => messageCount);
}

Deno.test("a broker that is killed 200 times loses no confirmed message, and brings back none that is done with", async () => {
  const random = Random.printed();
  await using broker = await BrokerChild.start();
  const ledger = new Ledger();
  {
    await using client = await broker.connect();
    await declareAll(await client.channel());
  }
  const starts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await using publisher = await broker.connect();
    await using consumer = await broker.connect();
    const [publishing, consuming, declaring] = [
      await publisher.channel(),
      await consumer.channel(),
      await publisher.channel(),
    ];
    const working = [
      publish(publishing, ledger),
      consume(consuming, ledger, random.fork()),
      redeclare(declaring, ledger, round),
    ].map(untilGone);
    await Promise.race([pause(random.between(0, random.pick([30, 300, 600]))), Promise.all(working)]);
    await broker.kill();
    await Promise.all(working);

    if (random.chance(0.15)) {
      const starting = broker.startAnyhow();
      await pause(random.between(0, 250));
      await broker.kill();
      await starting;
    }
    const started = performance.now();
    await broker.start();
    const waiting = await checkDeclared(broker, ledger);
    starts.push(performance.now() - started);
    ledger.restarted(waiting);
  }

  await using client = await broker.connect();
  const channel = await client.channel();
  const waiting = (await depths(channel, ledger.queues)).reduce((sum, count) => sum + count, 0);
  let left = waiting;
  await using last = await broker.connect();
  const draining = await last.channel();
  await draining.call("basic.qos", { prefetchCount: 100 });
  for (const queue of ledger.queues) await draining.consume(queue.name, { consumerTag: queue.name });
  for (; left > 0; left--) {
    const delivery = await draining.nextDelivery();
    const id = idOf(delivery.body);
    const queue = ledger.queues.find(({ name }) => name === delivery.consumerTag)!;
    queue.delivered(id, delivery.redelivered, true);
    queue.ack(id);
    draining.ack(delivery.tag);
  }
  console.log(
    `${ledger.next} published, ${ledger.confirmed.size} confirmed, ${waiting} left at the end; ` +
      `starts: ${Math.round(starts.reduce((a, b) => a + b) / starts.length)} ms on average, ${
        Math.round(Math.max(...starts))
      } ms at most`,
  );
  assertEquals(ledger.lost(), []);
  assertEquals(broker.log.filter(({ level }) => level === "error"), []);
  // A machine that is busy with other things may be late once or twice.
  const late = starts.filter((time) => time > 1_000);
  assert(late.length <= ROUNDS / 50 && Math.max(...starts) < 5_000, `starts took ${late.map(Math.round)} ms`);
});

/** What is under way when the broker is killed fails; that is no fault, and anything else is. */
async function untilGone(working: Promise<void>): Promise<void> {
  try {
    await working;
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== "Disconnected" && !message.startsWith("The broker closed within a frame")) throw error;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
