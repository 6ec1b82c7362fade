import { assertEquals, assertThrows } from "@std/assert";
import { type AMQPChannel, AMQPConsumer, type AMQPMessage } from "@cloudamqp/amqp-client";
import { DeliveryReader } from "../../../lib/amqp/message/delivery_reader.ts";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { encodeFrame } from "../../support/amqp/wire.ts";

/** Channels of a client that is not there, and what their consumers got. */
class Channels {
  readonly got: AMQPMessage[] = [];
  readonly all: (AMQPChannel | undefined)[] = [];
  readonly reader = new DeliveryReader(() => this.all);

  open(id: number): void {
    const channel = { id, consumers: new Map() } as unknown as AMQPChannel;
    channel.consumers.set("tag", new AMQPConsumer(channel, "tag", (message) => void this.got.push(message)));
    this.all[id] = channel;
  }

  /** Whether the reader took the frame. */
  read(frame: Uint8Array): boolean {
    return this.reader.take({ bytes: frame, view: new DataView(frame.buffer) }, 0, frame.length);
  }
}

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return joinBytes([Uint8Array.of(bytes.length), bytes]);
}

function deliver(channel: number, tag: number, exchange: string, key: string): Uint8Array {
  const tags = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, tag, tag % 2);
  return encodeFrame(
    1,
    channel,
    joinBytes([Uint8Array.of(0, 60, 0, 60), text("tag"), tags, text(exchange), text(key)]),
  );
}

function header(channel: number, size: number, type = "a/b"): Uint8Array {
  const head = Uint8Array.of(0, 60, 0, 0, 0, 0, 0, 0, 0, 0, size >> 8, size & 0xff, 0x80, 0);
  return encodeFrame(2, channel, joinBytes([head, text(type)]));
}

const body = (channel: number, bytes: string) => encodeFrame(3, channel, new TextEncoder().encode(bytes));

Deno.test("a delivery is read with its names, its properties and its body, in one piece or in many", () => {
  const channels = new Channels();
  channels.open(1);
  const frames = [
    ...[deliver(1, 1, "e", "k1"), header(1, 3), body(1, "abc")],
    ...[deliver(1, 2, "e", "k1"), header(1, 5), body(1, "ab"), body(1, ""), body(1, "cde")],
    ...[deliver(1, 3, "", "k2"), header(1, 0)],
    ...[deliver(1, 4, "e", "k"), header(1, 1), body(1, "z")],
  ];
  assertEquals(frames.map((frame) => channels.read(frame)), frames.map(() => true));
  const seen = channels.got.map(({ deliveryTag, redelivered, exchange, routingKey, properties, body }) => {
    return [deliveryTag, redelivered, exchange, routingKey, properties.contentType, new TextDecoder().decode(body!)];
  });
  assertEquals(seen, [
    [1, true, "e", "k1", "a/b", "abc"],
    [2, false, "e", "k1", "a/b", "abcde"],
    [3, true, "", "k2", "a/b", ""],
    [4, false, "e", "k", "a/b", "z"],
  ]);
});

Deno.test("deliveries of two channels may come in turns", () => {
  const channels = new Channels();
  channels.open(1);
  channels.open(2);
  for (const frame of [deliver(1, 1, "", "one"), deliver(2, 2, "", "two"), header(2, 1), header(1, 1)]) {
    channels.read(frame);
  }
  channels.read(body(1, "1"));
  channels.read(body(2, "2"));
  assertEquals(channels.got.map(({ routingKey, body }) => `${routingKey} ${body}`), ["one 49", "two 50"]);
});

Deno.test("a body is a copy of what was read", () => {
  const channels = new Channels();
  channels.open(1);
  const last = body(1, "abc");
  for (const frame of [deliver(1, 1, "", "k"), header(1, 3), last]) channels.read(frame);
  last.fill(0);
  assertEquals(new TextDecoder().decode(channels.got[0].body!), "abc");
});

Deno.test("what is no delivery, and what is on no channel, is for the client", () => {
  const channels = new Channels();
  channels.open(1);
  assertEquals(channels.read(encodeFrame(1, 1, Uint8Array.of(0, 60, 0, 50))), false);
  assertEquals(channels.read(encodeFrame(8, 0, new Uint8Array(0))), false);
  assertEquals(channels.read(header(1, 1)), false);
  assertEquals(channels.read(deliver(2, 1, "", "k")), false);
  assertEquals(channels.got, []);
});

Deno.test("what was begun on a channel that is closed does not go on on its successor", () => {
  const channels = new Channels();
  channels.open(1);
  channels.read(deliver(1, 1, "", "k"));
  channels.open(1);
  assertEquals(channels.read(header(1, 0)), false);
  assertEquals(channels.got, []);
});

Deno.test("a frame that contradicts itself is an error", () => {
  const broken: [string, (channels: Channels) => Uint8Array[]][] = [
    ["a body beyond its size", () => [deliver(1, 1, "", "k"), header(1, 2), body(1, "abc")]],
    ["a second body beyond its size", () => [deliver(1, 1, "", "k"), header(1, 4), body(1, "abc"), body(1, "de")]],
    ["a text beyond its frame", () => [deliver(1, 1, "", "k").with(11, 200)]],
    ["an end that is none", () => [deliver(1, 1, "", "k").with(-1, 0)]],
    ["a header without its size", () => [deliver(1, 1, "", "k"), encodeFrame(2, 1, new Uint8Array(3))]],
  ];
  for (const [what, frames] of broken) {
    const channels = new Channels();
    channels.open(1);
    assertThrows(() => frames(channels).forEach((frame) => channels.read(frame)), RangeError, undefined, what);
    assertEquals(channels.got, [], what);
  }
});
