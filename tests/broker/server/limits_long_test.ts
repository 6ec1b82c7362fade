import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { handshake, RawClient } from "../../support/amqp/raw_client.ts";
import { Wire } from "../../support/amqp/wire.ts";
import { eventually } from "../../support/eventually.ts";
import { BrokerChild } from "../broker_child.ts";
import { DeafClient, methodFrame, publishFrames } from "../deaf_client.ts";
import { joined } from "../fuzz_frames.ts";
import { LocalBroker } from "../local_broker.ts";
import { withTmpDisk } from "../tmp_disk.ts";

const KILOBYTE = 1024;
const MEGABYTE = 1024 * 1024;

/** An open connection with channel 1, frame by frame. */
async function openWire(url: string): Promise<Wire> {
  const wire = await Wire.open(url);
  const { tune } = await handshake(wire, url);
  await wire.writeMethod(0, "connection.tuneOk", { ...tune, heartbeat: 0 });
  await wire.writeMethod(0, "connection.open", { virtualHost: "/" });
  await wire.readMethod("connection.openOk");
  await wire.writeMethod(1, "channel.open", {});
  await wire.readMethod("channel.openOk");
  return wire;
}

/** Whether a round of publish and delivery works, and how many milliseconds it took. */
async function roundTrip(url: string): Promise<number> {
  const started = performance.now();
  await using client = await RawClient.connect(url);
  const channel = await client.channel();
  const { queue } = await channel.call("queue.declare", { exclusive: true });
  await channel.publishConfirmed({ routingKey: queue }, "one", { deliveryMode: 2 });
  assertEquals((await channel.mustGet(queue)).text, "one");
  return performance.now() - started;
}

Deno.test("a connection too many is refused, and taken once another has ended", async () => {
  await using site = await LocalBroker.start({ limits: { connections: 2 } });
  await using first = await RawClient.connect(site.url);
  await using _second = await RawClient.connect(site.url);
  await assertRejects(() => RawClient.connect(site.url));
  assertEquals(site.lines, ["a client is refused: there are 2 connections"]);
  await first.close();
  await eventually(async () => await (await RawClient.connect(site.url)).close().then(() => true));
});

Deno.test("a client whose handshake does not come is cut off, wherever in it it stops", async () => {
  await using site = await LocalBroker.start({ limits: { handshake: 200 } });
  await using silent = await Wire.open(site.url);
  await using halfway = await Wire.open(site.url);
  await handshake(halfway, site.url);
  await using open = await openWire(site.url);
  await Promise.all([silent.readEnd(), halfway.readEnd()]);
  await open.writeMethod(1, "basic.qos", {});
  await open.readMethod("basic.qosOk");
});

Deno.test("a client that does not answer the broker's close is cut off", async () => {
  await using site = await LocalBroker.start({ limits: { close: 200 } });
  await using wire = await openWire(site.url);
  await wire.writeMethod(1, "channel.open", {});
  assertEquals((await wire.readMethod("connection.close")).replyCode, 504);
  await wire.readEnd();
});

Deno.test("a client that ends its side while it does not read is let go", async () => {
  await using broker = await BrokerChild.start();
  const sockets = () => [...Deno.readDirSync(`/proc/${broker.pid}/fd`)].length;
  const before = sockets();
  {
    using client = await DeafClient.open(broker.url);
    const returned = publishFrames({ routingKey: "nowhere", mandatory: true }, new Uint8Array(50 * KILOBYTE));
    await client.flood(returned, 500);
  }
  await eventually(() => sockets() <= before);
});

Deno.test("a message over the limit ends its channel and nothing else", async () => {
  await using site = await LocalBroker.start({ limits: { messageSize: 1_000 } });
  await using client = await RawClient.connect(site.url);
  const [channel, other] = [await client.channel(), await client.channel()];
  const { queue } = await other.call("queue.declare", { exclusive: true });
  await channel.publish({ routingKey: queue }, new Uint8Array(1_001));
  const { replyText } = await channel.expectClose(406, "basic.publish");
  assertEquals(replyText, "PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000");
  await other.publishConfirmed({ routingKey: queue }, new Uint8Array(1_000));
  assertEquals((await other.mustGet(queue)).body.length, 1_000);
});

Deno.test("a consumer that does not read neither slows another one nor fills the memory", async () => {
  await using broker = await BrokerChild.start();
  await using client = await broker.connect();
  const channel = await client.channel();
  for (const queue of ["slow", "fast"]) {
    await channel.call("queue.declare", { queue });
    await channel.call("queue.bind", { queue, exchange: "amq.fanout" });
  }
  using deaf = await DeafClient.open(broker.url);
  await deaf.send(methodFrame(1, "basic.consume", { queue: "slow", noAck: true }));
  await channel.consume("fast", { noAck: true });
  const body = new Uint8Array(50 * KILOBYTE);
  const before = broker.rss;
  let worst = 0;
  for (let sent = 0; sent < 3_000; sent++) {
    const started = performance.now();
    await channel.publish({ exchange: "amq.fanout" }, body);
    assertEquals((await channel.nextDelivery()).body.length, body.length);
    worst = Math.max(worst, performance.now() - started);
  }
  const grown = broker.rss - before;
  assert(grown < 100 * MEGABYTE, `the broker grew by ${Math.round(grown / MEGABYTE)} MB`);
  assert(worst < 1_000, `a delivery took ${Math.round(worst)} ms`);
});

for (
  const [what, frames] of [
    ["confirms", publishFrames({ routingKey: "flood" }, new Uint8Array(10))],
    ["returns", publishFrames({ routingKey: "nowhere", mandatory: true }, new Uint8Array(100 * KILOBYTE))],
    [
      "what it gets",
      joined([
        methodFrame(1, "basic.get", { queue: "large" }),
        methodFrame(1, "basic.nack", { deliveryTag: 0, multiple: true, requeue: true }),
      ]),
    ],
  ] as const
) {
  Deno.test(`a client that does not read ${what} is not read either, and does not fill the memory`, async () => {
    await using broker = await BrokerChild.start();
    await using client = await broker.connect();
    const channel = await client.channel();
    await channel.call("queue.declare", { queue: "flood", arguments: { "x-max-length": 10 } });
    await channel.call("queue.declare", { queue: "large" });
    await channel.publishConfirmed({ routingKey: "large" }, new Uint8Array(MEGABYTE));
    using deaf = await DeafClient.open(broker.url);
    await deaf.send(methodFrame(1, "confirm.select"));
    const before = broker.rss;
    const many = joined(Array.from({ length: Math.ceil(64 * KILOBYTE / frames.length) }, () => frames));
    const most = Math.ceil(100 * MEGABYTE / many.length);
    const taken = await deaf.flood(many, most);
    // Confirms are a few bytes for thousands of publishes: those it takes all.
    if (what !== "confirms") assert(taken < most, `the broker took ${taken} of ${most}`);
    const grown = broker.rss - before;
    assert(grown < 120 * MEGABYTE, `the broker grew by ${Math.round(grown / MEGABYTE)} MB`);
    assert(await roundTrip(broker.url) < 1_000);
  });
}

Deno.test("bodies that are begun and never ended do not fill the memory when it is short", async () => {
  await using broker = await BrokerChild.start({ memoryLimit: 1 });
  using deaf = await DeafClient.open(broker.url);
  const before = broker.rss;
  const part = publishFrames({}, new Uint8Array(100 * KILOBYTE));
  // The last frame once more and once more, on one message that is said to be as large as can be.
  const header = part.slice();
  const size = new DataView(header.buffer);
  const headerAt = methodFrame(1, "basic.publish", {}).length;
  size.setBigUint64(headerAt + 7 + 4, 128n * BigInt(MEGABYTE));
  await deaf.send(header);
  const bodyAt = headerAt + 8 + 14;
  const taken = await deaf.flood(part.slice(bodyAt), 1_000);
  assert(taken < 1_000, "the broker took the whole body");
  const grown = broker.rss - before;
  assert(grown < 60 * MEGABYTE, `the broker grew by ${Math.round(grown / MEGABYTE)} MB`);
});

for (
  const [reason, options] of [
    ["low on memory", { memoryLimit: 1 }],
    ["low on disk", { diskFreeLimit: Number.MAX_SAFE_INTEGER }],
  ] as const
) {
  Deno.test(`a publisher is told that the broker is ${reason}, and waits; others go on`, async () => {
    await using site = await LocalBroker.start(options);
    await using wire = await openWire(site.url);
    await using client = await RawClient.connect(site.url);
    const channel = await client.channel();
    const { queue } = await channel.call("queue.declare", {});
    await wire.write(joined([
      methodFrame(1, "confirm.select"),
      publishFrames({ routingKey: queue }, new Uint8Array(3)),
      publishFrames({ routingKey: queue }, new Uint8Array(3)),
    ]));
    await wire.readMethod("confirm.selectOk");
    assertEquals((await wire.readMethod("connection.blocked")).reason, reason);
    // The one that was read when it became known is taken; the next one waits.
    await wire.readMethod("basic.ack");
    await channel.consume(queue, { noAck: true });
    await channel.nextDelivery();
    assertEquals(channel.deliveries.size, 0);
    assertStringIncludes(site.lines[0], `${reason}: publishers wait`);
  });
}

withTmpDisk(
  "publishers wait while the disk is nearly full, and go on when it is not any more",
  32 * MEGABYTE,
  async (disk) => {
    await using site = await LocalBroker.start({ dataDir: disk.path, diskFreeLimit: 16 * MEGABYTE });
    await using wire = await openWire(site.url);
    await wire.writeMethod(1, "queue.declare", { queue: "q" });
    await wire.readMethod("queue.declareOk");
    await disk.fill(24 * MEGABYTE);
    await eventually(() => site.lines.length > 0);
    await wire.write(joined([
      methodFrame(1, "confirm.select"),
      publishFrames({ routingKey: "q" }, new Uint8Array(3)),
      publishFrames({ routingKey: "q" }, new Uint8Array(3)),
    ]));
    await wire.readMethod("confirm.selectOk");
    assertEquals((await wire.readMethod("connection.blocked")).reason, "low on disk");
    await wire.readMethod("basic.ack");
    await disk.free();
    await wire.readMethod("connection.unblocked");
    assertEquals((await wire.readMethod("basic.ack")).deliveryTag, 2);
  },
);

const outside = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !address.startsWith("127.")
);

// Where there is no other machine, nobody else's guest can come.
const elsewhere = outside ? Deno.test : () => {};
elsewhere("guest is for this machine alone, and others need users", async () => {
  const refused = await assertRejects(() => LocalBroker.start({ host: "0.0.0.0" }), WarrenError);
  assertEquals(refused.code, "config");
  await using site = await LocalBroker.start({ host: "0.0.0.0", users: { guest: "guest", ann: "secret" } });
  const url = site.urlFor(outside!.address);
  const error = await assertRejects(() => RawClient.connect(url), Error);
  assertStringIncludes(error.message, "403");
  await (await RawClient.connect(url, { user: "ann", password: "secret" })).close();
  await assertRejects(() => RawClient.connect(url, { user: "ann", password: "guest" }));
  await (await RawClient.connect(site.url)).close();
});

/** Asks to be upgraded, with headers that a browser would set itself; the status and the headers of the answer. */
async function upgrade(port: number, headers: Record<string, string>, hostname = "127.0.0.1"): Promise<string> {
  using connection = await Deno.connect({ hostname, port });
  const all = {
    Host: `127.0.0.1:${port}`,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}`);
  await connection.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text.toLowerCase();
}

Deno.test("WebSockets are for pages of this machine, and speak amqp", async () => {
  await using site = await LocalBroker.start({ wsPort: 0 });
  const port = site.broker.wsPort!;
  const status = async (headers: Record<string, string>) => Number((await upgrade(port, headers)).split(" ")[1]);
  assertEquals(await status({}), 101);
  assertEquals(await status({ Origin: `http://localhost:8080` }), 101);
  assertEquals(await status({ Origin: `http://[::1]:8080` }), 101);
  assertEquals(await status({ Origin: "https://example.com" }), 403);
  assertEquals(await status({ Origin: "https://localhost.example.com" }), 403);
  assertEquals(await status({ Origin: "null" }), 403);
  assertEquals(await status({ Host: `example.com:${port}` }), 403);
  assertEquals(await status({ Upgrade: "", Connection: "" }), 426);
  const offering = async (protocols: string) =>
    /^sec-websocket-protocol: (.*)\r$/m.exec(await upgrade(port, { "Sec-WebSocket-Protocol": protocols }))?.[1];
  assertEquals([await offering("amqp"), await offering("mqtt, amqp"), await offering("mqtt")], [
    "amqp",
    "amqp",
    undefined,
  ]);
});

/** Some containers have no IPv6. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name: "a broker on ::1 refuses pages of other sites too",
  ignore: !hasIpv6(),
  async fn() {
    await using site = await LocalBroker.start({ host: "::1", wsPort: 0 });
    const port = site.broker.wsPort!;
    const status = async (headers: Record<string, string>) =>
      Number((await upgrade(port, { Host: `[::1]:${port}`, ...headers }, "::1")).split(" ")[1]);
    assertEquals(await status({}), 101);
    assertEquals(await status({ Origin: "http://[::1]:8080" }), 101);
    assertEquals(await status({ Origin: "https://example.com" }), 403);
    assertEquals(await status({ Host: `example.com:${port}` }), 403);
  },
});

Deno.test("a WebSocket that sends text, or more than is read, is closed", async () => {
  await using site = await LocalBroker.start({ wsPort: 0, limits: { webSocketBytes: 8 * MEGABYTE } });
  for (const data of ["text", new Uint8Array(9 * MEGABYTE)]) {
    const socket = new WebSocket(`ws://127.0.0.1:${site.broker.wsPort}`, "amqp");
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.onopen = () => socket.send(data);
    await closed;
  }
});
