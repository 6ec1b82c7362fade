import { assertEquals, assertRejects } from "@std/assert";
import { type Client, connectClient } from "../../../lib/amqp/client/client.ts";
import { Scan } from "../../../lib/amqp/dead_letters/dead_letter_scan.ts";
import { cancelWaiting } from "../../../lib/amqp/waiting/cancel_waiting.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";

/** A queue that holds messages back, and the one that they come back to. */
async function heldBack(broker: BrokerClient, ttl: number, type: string): Promise<{ waits: string; back: string }> {
  const [waits, back] = [broker.queue("waits"), broker.queue("back")];
  await broker.declare(back);
  await broker.declare(waits, true, {
    "x-message-ttl": ttl,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": back,
    "x-queue-type": type,
  });
  return { waits, back };
}

/** Publishes messages with the ids m-0, m-1 and so on. */
async function publish(broker: BrokerClient, queue: string, count: number): Promise<void> {
  const bodies = Array.from({ length: count }, (_, index) => String(index));
  await broker.publish(queue, bodies, (index) => ({ messageId: `m-${index}`, headers: { "warren-attempt": 2 } }));
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const { client, close } = await connectClient(url, { heartbeat: 20_000, name: "test" });
  try {
    return await use(client);
  } finally {
    await close();
  }
}

async function arrived(broker: BrokerClient, queue: string, count: number): Promise<string[]> {
  await eventually(async () => (await broker.count(queue)).messages >= count, {
    what: `${count} messages in ${queue}`,
  });
  return (await broker.drain(queue)).map(({ properties }) => properties.messageId!);
}

for (const type of ["classic", "quorum"]) {
  brokerTest(`one of many that wait is cancelled, and all others keep their places, ${type}`, async (url) => {
    await using broker = await BrokerClient.connect(url);
    const { waits } = await heldBack(broker, 600_000, type);
    await publish(broker, waits, 1_200);
    const cancelled = await withClient(url, (client) => cancelWaiting(client, "m-1041", ["nowhere", waits]));
    assertEquals(cancelled, { waited: waits, queue: waits, attempt: 2 });
    const ids = Array.from({ length: 1_200 }, (_, index) => `m-${index}`).filter((id) => id !== "m-1041");
    assertEquals(await arrived(broker, waits, 1_199), ids);
  });

  brokerTest(`what came due while it was looked at comes back at once when the look ends, ${type}`, async (url) => {
    await using broker = await BrokerClient.connect(url);
    const { waits, back } = await heldBack(broker, 200, type);
    const witness = await heldBack(broker, 200, type);
    await withClient(url, async (client) => {
      await publish(broker, waits, 3);
      const scan = await Scan.open(client, waits, { most: 10 });
      for (let message = await scan.next(); message; message = await scan.next()) scan.hold(message);
      // By the time that this one is back, the others are due too.
      await publish(broker, witness.waits, 1);
      await arrived(broker, witness.back, 1);
      assertEquals((await broker.count(back)).messages, 0);
      await scan.close();
    });
    assertEquals(await arrived(broker, back, 3), ["m-0", "m-1", "m-2"]);
  });
}

brokerTest("where not everything could be looked at, that is an error, and everything stays", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const { waits } = await heldBack(broker, 60_000, "classic");
  await publish(broker, waits, 20);
  await withClient(url, async (client) => {
    const cancel = (id: string, most?: number) => cancelWaiting(client, id, [waits], { most });
    const error = await assertRejects(
      () => cancel("m-15", 10),
      WarrenError,
      `the first 10 of 20 messages of "${waits}"`,
    );
    assertEquals((error as WarrenError).code, "unavailable");
    assertEquals(await cancel("m-99"), undefined);
    await eventually(async () => (await broker.count(waits)).messages === 20);
    assertEquals((await cancel("m-15"))?.waited, waits);
    await eventually(async () => (await broker.count(waits)).messages === 19);
  });
});
