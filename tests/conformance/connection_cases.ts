import { assert, assertEquals } from "@std/assert";
import { handshake, vhostOf } from "../support/amqp/raw_client.ts";
import { encodeFrame, FRAME_HEARTBEAT, FRAME_METHOD, Wire } from "../support/amqp/wire.ts";
import type { Broker, ConformanceCase } from "./conformance_case.ts";
import { counts, exclusiveQueue, fill } from "./helpers.ts";

/** Sends bytes on an open connection with channel 1 open; the broker has to close the connection with `code`. */
function fatal(name: string, code: number, bytes: Uint8Array): ConformanceCase {
  return {
    name,
    async run(broker) {
      const client = await broker.client();
      await client.channel(1);
      await client.sendRaw(bytes);
      await client.expectClose(code);
    },
  };
}

async function open(broker: Broker, heartbeat: number): Promise<Wire> {
  const wire = await Wire.open(broker.url);
  const { tune } = await handshake(wire, broker.url);
  await wire.writeMethod(0, "connection.tuneOk", { ...tune, heartbeat });
  await wire.writeMethod(0, "connection.open", { virtualHost: vhostOf(broker.url) });
  await wire.readMethod("connection.openOk");
  return wire;
}

const unknownMethod = (classId: number, methodId: number) =>
  Uint8Array.of(classId >> 8, classId & 255, methodId >> 8, methodId & 255);

/** An open connection: its frames, its heartbeats and its end. */
export const connectionCases: ConformanceCase[] = [
  {
    name: "the client's close is answered with close-ok",
    async run(broker) {
      const client = await broker.client();
      await client.call("connection.close", { replyCode: 200, replyText: "Bye" }, "connection.closeOk");
    },
  },
  {
    name: "what is sent after the client's close is not done",
    async run(broker) {
      const [client, other] = [await broker.client(), await broker.client()];
      const channel = await client.channel();
      const queue = broker.name("queue");
      const closed = client.call("connection.close", { replyCode: 200 }, "connection.closeOk");
      channel.send("queue.declare", { queue });
      await closed;
      await (await other.channel()).refused(404, "queue.declare", { queue, passive: true });
    },
  },
  {
    name: "after the broker's close it waits for close-ok and ends the TCP connection",
    async run(broker) {
      await using wire = await open(broker, 0);
      await wire.writeMethod(5, "queue.declare", {});
      const close = await wire.readMethod("connection.close");
      assertEquals(close.replyCode, 504);
      await wire.writeMethod(7, "queue.declare", {});
      await wire.writeMethod(0, "connection.closeOk", {});
      assertEquals(await wire.readFrame(), undefined);
    },
  },
  {
    name: "the broker sends the heartbeats that were agreed on, and hangs up on a client that sends none",
    async run(broker) {
      await using wire = await open(broker, 1);
      const frame = await wire.readFrame();
      assertEquals(frame, { type: FRAME_HEARTBEAT, channel: 0, payload: new Uint8Array() });
      await wire.readEnd();
    },
  },
  {
    name: "a client that sends heartbeats stays",
    async run(broker) {
      await using wire = await open(broker, 0);
      for (let index = 0; index < 3; index++) await wire.writeFrame(FRAME_HEARTBEAT, 0, new Uint8Array());
      await wire.writeMethod(1, "channel.open", {});
      await wire.readMethod("channel.openOk");
    },
  },
  {
    name: "update-secret is answered with update-secret-ok, and the connection goes on",
    async run(broker) {
      const client = await broker.client();
      const password = decodeURIComponent(new URL(broker.url).password);
      await client.call(
        "connection.updateSecret",
        { newSecret: password, reason: "test" },
        "connection.updateSecretOk",
      );
      await client.channel();
    },
  },
  {
    name: "a payload as large as a whole frame may be is taken: some clients forget the eight bytes around it",
    async run(broker) {
      const client = await broker.client({ tune: { frameMax: 4096 } });
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      await channel.send("basic.publish", { routingKey: queue });
      await channel.sendHeader(4096);
      await channel.sendBody(new Uint8Array(4096));
      assertEquals((await channel.mustGet(queue)).body.length, 4096);
    },
  },
  {
    name: "a frame larger than agreed is refused with 501",
    async run(broker) {
      const client = await broker.client({ tune: { frameMax: 4096 } });
      const channel = await client.channel();
      await channel.send("basic.publish", {});
      await channel.sendHeader(5000);
      await channel.sendBody(new Uint8Array(4097));
      await client.expectClose(501);
    },
  },
  fatal(
    "a frame that does not end with 206 is refused with 501",
    501,
    encodeFrame(FRAME_METHOD, 1, Uint8Array.of(0, 20, 0, 20, 1), 0xcd),
  ),
  fatal("a frame of an unknown type is refused with 501", 501, encodeFrame(4, 1, new Uint8Array(4))),
  fatal("a heartbeat on a channel is refused with 505", 505, encodeFrame(FRAME_HEARTBEAT, 1, new Uint8Array())),
  fatal("a heartbeat with a payload is refused with 501", 501, encodeFrame(FRAME_HEARTBEAT, 0, new Uint8Array(1))),
  fatal("an empty method frame is refused with 501", 501, encodeFrame(FRAME_METHOD, 1, new Uint8Array())),
  {
    name: "a method that does not exist ends the connection",
    async run(broker) {
      for (const [classId, methodId] of [[99, 10], [60, 99]]) {
        const client = await broker.client();
        await client.channel(1);
        await client.sendFrame(FRAME_METHOD, 1, unknownMethod(classId, methodId));
        await client.ended();
      }
    },
  },
  {
    name: "a method of a channel on channel 0 is refused with 504",
    async run(broker) {
      const client = await broker.client();
      await client.sendMethod(0, "channel.open");
      await client.expectClose(504, "channel.open");
    },
  },
  {
    name: "a method of the connection on a channel is refused with 503",
    async run(broker) {
      const client = await broker.client();
      await client.channel(1);
      await client.sendMethod(1, "connection.close", { replyCode: 200 });
      await client.expectClose(503);
    },
  },
  {
    name: "a second start-ok is refused with 504",
    async run(broker) {
      const client = await broker.client();
      await client.sendMethod(0, "connection.startOk", { mechanism: "PLAIN" });
      await client.expectClose(504, "connection.startOk");
    },
  },
  {
    name: "a content on channel 0 is refused with 505",
    async run(broker) {
      const client = await broker.client();
      await client.attach(0).sendHeader(0);
      await client.expectClose(505);
    },
  },
  {
    name: "frames of two channels may alternate within their contents",
    async run(broker) {
      const client = await broker.client();
      const [one, two] = [await client.channel(), await client.channel()];
      const queue = await exclusiveQueue(one);
      await one.send("basic.publish", { routingKey: queue });
      await two.send("basic.publish", { routingKey: queue });
      await one.sendHeader(3);
      await two.sendHeader(3);
      await two.sendBody(new TextEncoder().encode("two"));
      await client.sendFrame(FRAME_HEARTBEAT, 0, new Uint8Array());
      await one.sendBody(new TextEncoder().encode("one"));
      await counts(two, queue);
      await counts(one, queue);
      const texts = [(await one.mustGet(queue, true)).text, (await one.mustGet(queue, true)).text];
      assertEquals(texts.sort(), ["one", "two"]);
    },
  },
  {
    name: "methods whose bytes come one by one are understood",
    async run(broker) {
      await using wire = await open(broker, 0);
      const bytes = [
        ...encodeFrame(FRAME_METHOD, 1, Uint8Array.of(0, 20, 0, 10, 0)),
        ...encodeFrame(FRAME_METHOD, 1, Uint8Array.of(0, 20, 0, 20, 1)),
      ];
      for (const byte of bytes) await wire.write(Uint8Array.of(byte));
      await wire.readMethod("channel.openOk");
      await wire.readMethod("channel.flowOk");
    },
  },
  {
    name: "bodies are cut at the agreed frame-max in both directions",
    async run(broker) {
      const client = await broker.client({ tune: { frameMax: 4096 } });
      const channel = await client.channel();
      const queue = await exclusiveQueue(channel);
      const body = crypto.getRandomValues(new Uint8Array(10_000));
      await channel.publish({ routingKey: queue }, body);
      await counts(channel, queue);
      client.frames.length = 0;
      assertEquals((await channel.mustGet(queue, true)).body, body);
      assertEquals(client.frames.filter(({ type }) => type === 3).map(({ size }) => size), [4088, 4088, 1824]);
    },
  },
  {
    name: "the frame-max of the receiver counts, not that of the sender",
    async run(broker) {
      const [large, small] = [await broker.client(), await broker.client({ tune: { frameMax: 4096 } })];
      const [sender, receiver] = [await large.channel(), await small.channel()];
      const queue = await exclusiveQueue(receiver);
      await receiver.consume(queue, { noAck: true });
      const body = crypto.getRandomValues(new Uint8Array(20_000));
      await sender.publish({ routingKey: queue }, body);
      assertEquals((await receiver.nextDelivery()).body, body);
      assert(small.frames.every(({ size }) => size <= 4088));
    },
  },
  {
    name: "the end of a TCP connection without a close puts its unacknowledged messages back",
    async run(broker) {
      const [lost, other] = [await broker.client(), await broker.client()];
      const [channel, watcher] = [await lost.channel(), await other.channel()];
      const queue = broker.name("queue");
      await watcher.call("queue.declare", { queue, durable: true });
      await fill(watcher, queue, "one", "two");
      await channel.consume(queue);
      await channel.nextDelivery();
      await channel.nextDelivery();
      lost.drop();
      await watcher.consume(queue);
      const [one, two] = [await watcher.nextDelivery(), await watcher.nextDelivery()];
      assertEquals([one.text, one.redelivered, two.text, two.redelivered], ["one", true, "two", true]);
    },
  },
];
