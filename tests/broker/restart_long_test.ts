import { assert, assertEquals } from "@std/assert";
import type { Got, RawChannel } from "../support/amqp/raw_client.ts";
import { encodeProperties, type TableInput } from "../support/amqp/raw_codec.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerChild, type ChildEnd } from "./broker_child.ts";

type End = (broker: BrokerChild) => Promise<ChildEnd>;
const STOP: End = (broker) => broker.stop();
const KILL: End = (broker) => broker.kill();
const PERSISTENT = { deliveryMode: 2 };

/** A broker, and channels on it that go with it. */
class Site implements AsyncDisposable {
  readonly broker: BrokerChild;
  channel!: RawChannel;
  #end: End;
  #close: () => Promise<void> = () => Promise.resolve();

  private constructor(broker: BrokerChild, end: End) {
    this.broker = broker;
    this.#end = end;
  }

  static async open(end: End): Promise<Site> {
    const site = new Site(await BrokerChild.start(), end);
    await site.connect();
    return site;
  }

  async connect(): Promise<void> {
    const client = await this.broker.connect();
    this.channel = await client.channel();
    this.#close = () => client[Symbol.asyncDispose]();
  }

  /** Ends the broker and starts it again; `whileDown` runs in between. */
  async restart(whileDown: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    await this.#end(this.broker);
    await this.#close();
    await whileDown();
    await this.broker.start();
    await this.connect();
  }

  async queue(queue: string, args: TableInput = {}): Promise<string> {
    await this.channel.call("queue.declare", { queue, durable: true, arguments: args });
    return queue;
  }

  /** Publishes to a queue and waits until it lasts. */
  async put(queue: string, ...bodies: (string | Uint8Array)[]): Promise<void> {
    for (const body of bodies) await this.channel.publishConfirmed({ routingKey: queue }, body, PERSISTENT);
  }

  /** Waits until everything before lasts. */
  async lasting(): Promise<void> {
    await this.channel.publishConfirmed({ routingKey: "nowhere" });
  }

  async count(queue: string): Promise<number> {
    return (await this.channel.call("queue.declare", { queue, passive: true })).messageCount;
  }

  /** Whether there is a queue or an exchange of that name. */
  async has(kind: "queue" | "exchange", name: string): Promise<boolean> {
    await using client = await this.broker.connect();
    const channel = await client.channel();
    try {
      if (kind === "queue") await channel.call("queue.declare", { queue: name, passive: true });
      else await channel.call("exchange.declare", { exchange: name, passive: true });
      return true;
    } catch {
      return false;
    }
  }

  /** All that waits, taken out. */
  async drain(queue: string): Promise<Got[]> {
    const all: Got[] = [];
    for (let got = await this.channel.get(queue, true); got; got = await this.channel.get(queue, true)) all.push(got);
    return all;
  }

  async texts(queue: string): Promise<string[]> {
    return (await this.drain(queue)).map(({ text }) => text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.broker[Symbol.asyncDispose]();
  }
}

/** The test once with a clean stop, and once with a kill. */
function restartTest(name: string, test: (site: Site) => Promise<void>): void {
  for (const [how, end] of [["a clean stop", STOP], ["a kill", KILL]] as const) {
    Deno.test(`after ${how}, ${name}`, async () => {
      await using site = await Site.open(end);
      await test(site);
    });
  }
}

restartTest("durable exchanges, queues and bindings are there, with their arguments", async (site) => {
  const { channel } = site;
  await channel.call("exchange.declare", { exchange: "spare", type: "fanout", durable: true });
  await channel.call("exchange.declare", {
    exchange: "first",
    type: "topic",
    durable: true,
    arguments: { "alternate-exchange": "spare" },
  });
  await channel.call("exchange.declare", { exchange: "second", type: "headers", durable: true, internal: true });
  await site.queue("a", { "x-max-length": 7, note: "kept" });
  await site.queue("b");
  await channel.call("exchange.bind", { source: "first", destination: "second", routingKey: "to.#" });
  await channel.call("queue.bind", {
    exchange: "second",
    queue: "a",
    arguments: { "x-match": "any", colour: "red", size: 4 },
  });
  await channel.call("queue.bind", { exchange: "spare", queue: "b" });

  await site.restart();

  await site.queue("a", { "x-max-length": 7 });
  const publish = (routingKey: string, headers: TableInput) =>
    site.channel.publishConfirmed({ exchange: "first", routingKey }, routingKey, { headers });
  await publish("to.you", { size: 4 });
  await publish("to.nobody", { size: 5 });
  await publish("from.me", {});
  assertEquals([await site.texts("a"), await site.texts("b")], [["to.you"], ["from.me"]]);
  await site.channel.publish({ exchange: "second" });
  await site.channel.expectClose(403, "basic.publish");
});

restartTest("what was declared for the moment is gone, with the bindings that led to it", async (site) => {
  const { channel } = site;
  await channel.call("exchange.declare", { exchange: "brief", type: "fanout" });
  await channel.call("exchange.declare", { exchange: "lasting", type: "fanout", durable: true });
  await channel.call("queue.declare", { queue: "brief" });
  await channel.call("queue.declare", { queue: "own", durable: true, exclusive: true });
  await site.queue("lasting");
  for (const queue of ["brief", "own"]) await channel.call("queue.bind", { exchange: "lasting", queue });
  await channel.call("queue.bind", { exchange: "brief", queue: "lasting" });

  await site.restart();

  const there = [["exchange", "brief"], ["exchange", "lasting"], ["queue", "brief"], ["queue", "own"]] as const;
  assertEquals(await Promise.all(there.map(([kind, name]) => site.has(kind, name))), [false, true, false, false]);
  // Declared anew they are new, and nothing leads to them.
  for (const queue of ["brief", "own"]) await site.queue(queue);
  await site.channel.publishConfirmed({ exchange: "lasting" }, "one");
  assertEquals([await site.count("brief"), await site.count("own")], [0, 0]);
});

restartTest("what was deleted, unbound and purged stays so", async (site) => {
  const { channel } = site;
  await channel.call("exchange.declare", { exchange: "old", type: "fanout", durable: true });
  await channel.call("exchange.declare", { exchange: "x", type: "fanout", durable: true });
  const large = new Uint8Array(100_000);
  for (const queue of ["gone", "again", "purged", "unbound"]) {
    await site.queue(queue);
    await channel.call("queue.bind", { exchange: "x", queue });
    await site.put(queue, "small", large);
  }
  await channel.call("exchange.delete", { exchange: "old" });
  await channel.call("queue.delete", { queue: "gone" });
  await channel.call("queue.delete", { queue: "again" });
  await site.queue("again");
  assertEquals((await channel.call("queue.purge", { queue: "purged" })).messageCount, 2);
  await channel.call("queue.unbind", { exchange: "x", queue: "unbound" });

  await site.restart();

  assertEquals([await site.has("exchange", "old"), await site.has("queue", "gone")], [false, false]);
  await site.channel.publishConfirmed({ exchange: "x" }, "new");
  assertEquals(await Promise.all(["again", "purged", "unbound"].map((queue) => site.count(queue))), [0, 1, 2]);
});

restartTest("names and keys of any characters are the same", async (site) => {
  const names = ["é €", "a'b\"c;--", "a\0b", "a\0c", "*.#", "\ufffd", "x".repeat(255)];
  for (const name of names) {
    await site.channel.call("exchange.declare", { exchange: name, type: "direct", durable: true });
    await site.queue(name);
    await site.channel.call("queue.bind", { exchange: name, queue: name, routingKey: name });
  }

  await site.restart();

  for (const name of names) {
    await site.channel.publishConfirmed({ exchange: name, routingKey: name }, name);
    assertEquals((await site.drain(name)).map(({ text, envelope }) => [text, envelope.exchange, envelope.routingKey]), [
      [name, name, name],
    ]);
  }
});

restartTest(
  "persistent messages come byte for byte and in order, others do not, and new ones come last",
  async (site) => {
    await site.queue("q");
    const sizes = [0, 1, 300, 490, 512, 1_000, 1_023, 1_024, 1_025, 5_000, 262_143, 262_144, 262_145, 1_000_000];
    const bodies = sizes.map((size) => new Uint8Array(size).map((_, at) => (at * 7 + size) & 255));
    const properties = encodeProperties({
      contentType: "a/b",
      headers: { deep: { er: ["x", 1, null, true] }, long: 2n ** 60n },
      deliveryMode: 2,
      priority: 9,
      correlationId: "c",
      timestamp: 12345678901n,
      appId: "é",
    });
    for (const body of bodies) {
      await site.channel.publishConfirmed({ routingKey: "q" }, "transient", { deliveryMode: 1 });
      await site.channel.publishConfirmed({ routingKey: "q" }, body, properties);
    }

    await site.restart();

    assertEquals(await site.count("q"), bodies.length);
    await site.put("q", "new");
    const got = await site.drain("q");
    assertEquals(got.length, bodies.length + 1);
    for (const [index, body] of bodies.entries()) {
      assertEquals(got[index].body, body);
      assertEquals(got[index].propertyBytes, properties);
      assertEquals([got[index].envelope.exchange, got[index].envelope.routingKey], ["", "q"]);
    }
    assertEquals(got[bodies.length].text, "new");
  },
);

restartTest("thousands of messages come in order, acked ones not", async (site) => {
  await site.queue("q");
  const { channel } = site;
  await channel.call("confirm.select");
  const all = Array.from({ length: 6_000 }, (_, index) => `${index}`);
  for (const body of all) channel.publish({ routingKey: "q" }, body, PERSISTENT);
  await channel.confirmed(all.length);
  await channel.consume("q");
  for (let acked = 0; acked < 1_000; acked++) await channel.ack((await channel.nextDelivery()).tag);
  channel.publish({ routingKey: "nowhere" });
  await channel.confirmed(all.length + 1);

  await site.restart();

  assertEquals(await site.texts("q"), all.slice(1_000));
});

restartTest("messages come by their priorities", async (site) => {
  await site.queue("q", { "x-max-priority": 5 });
  const publish = (body: string, priority: number) =>
    site.channel.publishConfirmed({ routingKey: "q" }, body, { ...PERSISTENT, priority });
  for (const [body, priority] of [["low", 0], ["high", 5], ["middle", 3], ["beyond", 9]] as const) {
    await publish(body, priority);
  }
  await site.restart();
  const later = (priority: number) => site.channel.publish({ routingKey: "q" }, "later", { ...PERSISTENT, priority });
  await later(3);
  await later(5);
  assertEquals(await site.texts("q"), ["high", "beyond", "later", "middle", "later", "low"]);
});

restartTest("a message that was taken and not acked comes again, marked, and in its old place", async (site) => {
  await site.queue("q");
  await site.put("q", "one", "two", "three");
  await site.channel.consume("q", { consumerTag: "first" });
  await site.channel.call("basic.cancel", { consumerTag: "first" });
  for (const text of ["one", "two", "three"]) assertEquals((await site.channel.nextDelivery()).text, text);
  await site.channel.ack(2);
  await site.lasting();
  await site.restart();
  await site.put("q", "four");
  assertEquals((await site.drain("q")).map(({ text, redelivered }) => [text, redelivered]), [
    ["one", true],
    ["three", true],
    ["four", false],
  ]);
});

for (const [how, end, marked] of [["a clean stop", STOP, false], ["a kill", KILL, true]] as const) {
  const which = marked ? "may have been delivered, and so is marked" : "was never delivered is not marked";
  Deno.test(`after ${how}, a message that ${which} as redelivered`, async () => {
    await using site = await Site.open(end);
    await site.queue("q", { "x-max-priority": 1 });
    await site.put("q", "taken", "waiting");
    assertEquals((await site.channel.mustGet("q")).text, "taken");
    await site.restart();
    const wanted = [["taken", true], ["waiting", marked]];
    assertEquals((await site.drain("q")).map(({ text, redelivered }) => [text, redelivered]), wanted);
  });
}

Deno.test("a message stays marked as redelivered over several restarts", async () => {
  await using site = await Site.open(STOP);
  await site.queue("q");
  await site.put("q", "taken", "waiting");
  await site.channel.mustGet("q");
  for (let times = 0; times < 3; times++) await site.restart();
  assertEquals((await site.drain("q")).map(({ redelivered }) => redelivered), [true, false]);
});

restartTest(
  "what expired meanwhile is gone, or with the dead letters, and the rest expires in its time",
  async (site) => {
    await site.queue("dead");
    await site.queue("own");
    await site.queue("ttl", {
      "x-message-ttl": 250,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "dead",
    });
    await site.queue("later", { "x-message-ttl": 1500 });
    await site.channel.publishConfirmed({ routingKey: "own" }, "own", { ...PERSISTENT, expiration: "250" });
    await site.put("own", "stays");
    await site.put("ttl", "by queue");
    await site.put("later", "later");

    await site.restart(() => new Promise((resolve) => setTimeout(resolve, 300)));

    assertEquals([await site.count("ttl"), await site.count("own"), await site.count("later")], [0, 1, 1]);
    const [dead] = await site.drain("dead");
    assertEquals([dead.text, dead.headers["x-first-death-reason"], dead.headers["x-first-death-queue"]], [
      "by queue",
      "expired",
      "ttl",
    ]);
    await eventually(async () => await site.count("later") === 0, { timeout: 3_000 });
  },
);

restartTest("a queue that expires does so when nobody used it since", async (site) => {
  await site.queue("q", { "x-expires": 400 });
  await site.restart();
  assert(await site.has("queue", "q"));
  await eventually(async () => {
    const { broker } = site;
    await using client = await broker.connect();
    const channel = await client.channel();
    // A declaration would be a use.
    return await channel.call("queue.bind", { queue: "q", exchange: "amq.direct" }).then(() => false, () => true);
  });
});

restartTest("queues remember how full they are", async (site) => {
  await site.queue("count", { "x-max-length": 2 });
  await site.queue("bytes", { "x-max-length-bytes": 2_000, "x-overflow": "reject-publish" });
  await site.put("count", "one", "two");
  await site.put("bytes", "x".repeat(900), "y".repeat(900));
  await site.restart();
  await site.put("count", "three");
  assertEquals(await site.texts("count"), ["two", "three"]);
  const refused = await site.channel.publishConfirmed({ routingKey: "bytes" }, "z".repeat(900), PERSISTENT);
  const taken = await site.channel.publishConfirmed({ routingKey: "bytes" }, "z".repeat(100), PERSISTENT);
  assertEquals([refused.kind, taken.kind], ["nack", "ack"]);
});

restartTest("a quorum queue knows how often each message came back", async (site) => {
  await site.queue("dead");
  await site.queue("q", {
    "x-queue-type": "quorum",
    "x-delivery-limit": 3,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "dead",
  });
  await site.put("q", "one");
  for (let times = 0; times < 2; times++) {
    await site.channel.nack((await site.channel.mustGet("q")).tag, { requeue: true });
  }
  await site.lasting();

  await site.restart();

  const got = await site.channel.mustGet("q");
  assertEquals([got.headers["x-delivery-count"], got.redelivered], [2, true]);
  await site.channel.nack(got.tag, { requeue: true });
  await site.channel.nack((await site.channel.mustGet("q")).tag, { requeue: true });
  assertEquals(await site.texts("q"), []);
  assertEquals((await site.drain("dead")).map(({ headers }) => headers["x-first-death-reason"]), ["delivery_limit"]);
});

restartTest("a transaction that was committed is there as a whole, and one that was not is not", async (site) => {
  await site.queue("q");
  const { channel } = site;
  await channel.call("tx.select");
  for (const body of ["one", "two"]) await channel.publish({ routingKey: "q" }, body, PERSISTENT);
  await channel.call("tx.commit");
  await channel.publish({ routingKey: "q" }, "three", PERSISTENT);
  await channel.call("basic.qos", {});
  await site.restart();
  assertEquals(await site.texts("q"), ["one", "two"]);
});

restartTest("one large message in many queues is there for each, until the last one has it", async (site) => {
  const queues = ["a", "b", "c"];
  for (const queue of queues) {
    await site.queue(queue);
    await site.channel.call("queue.bind", { exchange: "amq.fanout", queue });
  }
  const body = new Uint8Array(100_000).fill(7);
  await site.channel.publishConfirmed({ exchange: "amq.fanout" }, body, PERSISTENT);
  for (const queue of queues) {
    await site.restart();
    assertEquals((await site.drain(queue)).map((got) => got.body), [body]);
    await site.lasting();
  }
  await site.restart();
  assertEquals(await Promise.all(queues.map((queue) => site.count(queue))), [0, 0, 0]);
  assertEquals([...Deno.readDirSync(`${site.broker.dataDir}/segments`)], []);
});
