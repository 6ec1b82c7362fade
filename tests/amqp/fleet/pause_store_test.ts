import { assert, assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../../lib/amqp/client/connection.ts";
import { PauseStore } from "../../../lib/amqp/fleet/pause_store.ts";
import { Publisher } from "../../../lib/amqp/publishing/publisher.ts";
import { Topology } from "../../../lib/amqp/topology/topology.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { Logger } from "../../../lib/base/log.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { uniqueName } from "../../support/unique.ts";

const log = new Logger({ level: "silent" });

/** A runner's way to the pauses, with a connection of its own. */
class Keeping implements AsyncDisposable {
  readonly store: PauseStore;
  readonly connection: Connection;

  constructor(url: string) {
    const connection = this.connection = new Connection({ urls: [url], name: "test", log });
    this.store = new PauseStore({
      connection,
      publisher: new Publisher(connection),
      topology: new Topology(log),
      log,
      limit: 5_000,
    });
    connection.start();
  }

  async look(queue: string): Promise<boolean> {
    return await this.store.look(await this.connection.opened(), queue);
  }

  async read(queue: string) {
    return await this.store.read(await this.connection.opened(), queue);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
  }
}

brokerTest("a pause is there for every runner until somebody ends it, and leaves nothing behind", async (url) => {
  await using one = new Keeping(url);
  await using other = new Keeping(url);
  await using broker = await BrokerClient.connect(url);
  const queue = uniqueName("paused");
  assertEquals(await other.look(queue), false);
  const pause = { by: "ann", at: 5 };
  assertEquals(await one.store.write(queue, pause), pause);
  assertEquals([await other.look(queue), await other.read(queue)], [true, { ...pause, until: undefined }]);
  assertEquals(await one.look(uniqueName("other")), false);

  await other.store.remove(queue);
  assertEquals(await one.look(queue), false);
  await assertRejects(() => broker.count(`warren.paused.${queue}`));
  await one.store.remove(queue);
});

brokerTest("whoever pauses again keeps the first pause, unless it ends at another time", async (url) => {
  await using one = new Keeping(url);
  await using broker = await BrokerClient.connect(url);
  const queue = uniqueName("paused");
  broker.own(`warren.paused.${queue}`);
  const until = Date.now() + 3_600_000;
  await one.store.write(queue, { by: "ann", at: 1 });
  assertEquals((await one.store.write(queue, { by: "bob", at: 2 })).by, "ann");
  assertEquals((await one.store.write(queue, { by: "bob", at: 3, until })).by, "bob");
  assertEquals(await one.read(queue), { by: "bob", at: 3, until });
  // What was read comes back a moment later.
  await eventually(async () => (await broker.count(`warren.paused.${queue}`)).messages === 2);
});

brokerTest("a pause with an end is over then, by the broker's own clock", async (url) => {
  await using one = new Keeping(url);
  await using broker = await BrokerClient.connect(url);
  const queue = uniqueName("paused");
  broker.own(`warren.paused.${queue}`);
  await one.store.write(queue, { until: Date.now() + 600 });
  assertEquals(await one.look(queue), true);
  await eventually(async () => !await one.look(queue));
});

brokerTest("a queue is paused also while runners read why", async (url) => {
  await using one = new Keeping(url);
  await using broker = await BrokerClient.connect(url);
  await using readers = new AsyncDisposableStack();
  const queue = uniqueName("paused");
  broker.own(`warren.paused.${queue}`);
  await one.store.write(queue, { by: "ann", at: 1 });
  let reading = true;
  const reads = Array.from({ length: 3 }, async () => {
    const reader = readers.use(new Keeping(url));
    let read = 0;
    while (reading) if (await reader.read(queue)) read++;
    return read;
  });
  for (let looks = 0; looks < 50; looks++) assert(await one.look(queue), `look ${looks} found no pause`);
  reading = false;
  const counts = await Promise.all(reads);
  assert(counts.some((count) => count > 0), "nobody read anything");
  assertEquals(await one.look(queue), true);
});

brokerTest("whatever somebody else puts there pauses, and says nothing about who did", async (url) => {
  await using one = new Keeping(url);
  await using broker = await BrokerClient.connect(url);
  const queue = uniqueName("paused");
  broker.own(`warren.paused.${queue}`);
  await one.store.write(queue, {});
  await broker.publish(`warren.paused.${queue}`, ['{"by":7,"at":"soon","until":1e300}', "\u0000"]);
  assertEquals([await one.look(queue), await one.read(queue)], [true, {
    by: undefined,
    at: undefined,
    until: undefined,
  }]);
});

Deno.test("a pause that cannot be kept says why, and what can be done instead", async () => {
  await using one = new Keeping("amqp://guest:guest@127.0.0.1:1");
  const store = new PauseStore({
    connection: one.connection,
    publisher: new Publisher(one.connection),
    topology: new Topology(log),
    log,
    limit: 100,
  });
  const error = await assertRejects(() => store.write("orders", {}), WarrenError);
  assertEquals(error.code, "unavailable");
  assert(/queue "orders" could not be paused for all runners: no connection to the broker.*--here/.test(error.message));
});
