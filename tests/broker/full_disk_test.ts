import { assert, assertEquals } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_client.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerChild } from "./broker_child.ts";
import { type TmpDisk, withTmpDisk } from "./tmp_disk.ts";

const MEGABYTE = 1024 * 1024;
const SIZE = 24 * MEGABYTE;
const PERSISTENT = { deliveryMode: 2 };
const KILOBYTE = new Uint8Array(1024);

/** Publishes until the broker says that the disk takes no more; how many messages that were. */
async function fillUp(broker: BrokerChild, channel: RawChannel, disk: TmpDisk): Promise<number> {
  await channel.call("confirm.select");
  await disk.fill();
  let published = 0;
  await eventually(async () => {
    for (let i = 0; i < 20; i++) await channel.publish({ routingKey: "q" }, KILOBYTE, PERSISTENT);
    published += 20;
    return broker.log.some(({ message }) => message.startsWith("the disk does not accept"));
  });
  return published;
}

/** Starts a broker on the disk with a durable queue. */
async function startOn(disk: TmpDisk): Promise<BrokerChild> {
  const broker = await BrokerChild.start({ dataDir: disk.path });
  await using client = await broker.connect();
  await (await client.channel()).call("queue.declare", { queue: "q", durable: true });
  return broker;
}

async function count(broker: BrokerChild, queue = "q"): Promise<number> {
  await using client = await broker.connect();
  return (await (await client.channel()).call("queue.declare", { queue, passive: true })).messageCount;
}

/** The errors that say more than that the disk is full. */
function faults({ log }: BrokerChild): string[] {
  return log.filter(({ level, message }) => level === "error" && !message.startsWith("the disk does not accept"))
    .map(({ message, stack }) => `${message} ${stack ?? ""}`);
}

withTmpDisk(
  "what is published while the disk is full is confirmed once it is not, and nothing is lost",
  SIZE,
  async (disk) => {
    await using broker = await startOn(disk);
    await using client = await broker.connect();
    const channel = await client.channel();
    const published = await fillUp(broker, channel, disk);
    await disk.free();
    await channel.confirmed(published, 20_000);
    assertEquals(await count(broker), published);
    await broker.kill();
    await broker.start();
    assertEquals(await count(broker), published);
    assertEquals(faults(broker), []);
  },
);

withTmpDisk("while the disk is full, messages that wait are delivered and acked", SIZE, async (disk) => {
  await using broker = await startOn(disk);
  await using client = await broker.connect();
  const [before, channel] = [await client.channel(), await client.channel()];
  // More than a queue keeps in memory.
  await before.call("confirm.select");
  for (let i = 0; i < 6_000; i++) before.publish({ routingKey: "q" }, KILOBYTE, PERSISTENT);
  await before.confirmed(6_000, 20_000);
  await fillUp(broker, channel, disk);
  await using other = await broker.connect();
  const working = await other.channel();
  await working.consume("q");
  for (let i = 0; i < 6_000; i++) await working.ack((await working.nextDelivery()).tag);
  assertEquals(faults(broker), []);
});

withTmpDisk(
  "while the disk is full, a flood that nobody confirms takes the broker nothing but time",
  SIZE,
  async (disk) => {
    await using broker = await startOn(disk);
    await using client = await broker.connect();
    const channel = await client.channel();
    await disk.fill();
    const large = new Uint8Array(100_000);
    let published = 0;
    // Many more than are kept for the next commit.
    for (; published < 100; published++) channel.publish({ routingKey: "q" }, large, PERSISTENT);
    await eventually(() => broker.log.length > 0);
    await disk.free();
    await eventually(async () => await count(broker) === published);
    await using other = await broker.connect();
    const working = await other.channel();
    await working.consume("q");
    for (let i = 0; i < published; i++) await working.ack((await working.nextDelivery()).tag);
    assertEquals(await count(broker), 0);
    assertEquals(faults(broker), []);
  },
);

withTmpDisk("while the disk is full, clients come and go with their own queues", SIZE, async (disk) => {
  await using broker = await startOn(disk);
  await using client = await broker.connect();
  const channel = await client.channel();
  const { pid } = broker;
  const leaver = await broker.connect();
  const leaving = await leaver.channel();
  const { queue } = await leaving.call("queue.declare", { exclusive: true });
  await leaving.consume(queue);
  await fillUp(broker, channel, disk);
  await leaver[Symbol.asyncDispose]();
  await eventually(() => count(broker, queue).then(() => false, () => true));
  await disk.free();
  assertEquals(broker.pid, pid);
  assert(await count(broker) > 0);
  assertEquals(faults(broker), []);
});

withTmpDisk(
  "what is declared and deleted while the disk is full is so afterwards, or was refused",
  SIZE,
  async (disk) => {
    await using broker = await startOn(disk);
    await using client = await broker.connect();
    const channel = await client.channel();
    await channel.call("queue.declare", { queue: "old", durable: true });
    await channel.call("exchange.declare", { exchange: "x", type: "fanout", durable: true });
    await fillUp(broker, channel, disk);
    const attempt = async (work: (channel: RawChannel) => Promise<unknown>) => {
      await using other = await broker.connect();
      const trying = await other.channel();
      return await work(trying).then(() => true, () => false);
    };
    const declare = (trying: RawChannel) => trying.call("queue.declare", { queue: "new", durable: true });
    const remove = (trying: RawChannel) => trying.call("queue.delete", { queue: "old" });
    const bind = (trying: RawChannel) => trying.call("queue.bind", { queue: "q", exchange: "x" });
    for (const work of [declare, remove, bind]) await attempt(work);
    await disk.free();
    await eventually(async () => await attempt(declare));
    // Again, whatever came of it the first time: what is promised now lasts.
    assertEquals([await attempt(remove), await attempt(bind)], [true, true]);
    assertEquals(await attempt((trying) => trying.call("queue.declare", { queue: "old", durable: true })), true);
    assertEquals(await attempt(remove), true);

    await broker.kill();
    await broker.start();

    const has = (queue: string) => count(broker, queue).then(() => true, () => false);
    assertEquals([await has("new"), await has("old")], [true, false]);
    const before = await count(broker);
    await using again = await broker.connect();
    await (await again.channel()).publishConfirmed({ exchange: "x" }, "bound", PERSISTENT);
    assertEquals(await count(broker), before + 1);
  },
);
