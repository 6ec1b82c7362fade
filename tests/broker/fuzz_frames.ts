import { ByteWriter } from "../support/amqp/byte_writer.ts";
import { encodeMethod, type MethodInput, type MethodName, METHODS } from "../support/amqp/methods.ts";
import {
  encodeProperties,
  field,
  type FieldInput,
  type FieldType,
  type TableInput,
} from "../support/amqp/raw_codec.ts";
import { encodeFrame, FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD } from "../support/amqp/wire.ts";
import type { Random } from "./random.ts";

const CHANNELS = 4;
const QUEUES = ["", ...Array.from({ length: 6 }, (_, index) => `fuzz.${index}`), "amq.rabbitmq.reply-to", "é\0\ud800"];
const EXCHANGES = ["", "amq.direct", "amq.fanout", "amq.topic", "amq.headers", "fuzz.x", "fuzz.y", "fuzz.z"];
const KEYS = ["", "fuzz.0", "fuzz.1", "#", "*", "a.b.c", "a.#.c.*", "#.#.#.#.a.#.#", "x".repeat(255)];
const TYPES = ["direct", "fanout", "topic", "headers"];
const EXPIRATIONS = ["0", "1", "20", "60000", "-1", "99999999999", "abc", ""];
const QUEUE_ARGUMENTS = [
  "x-queue-type",
  "x-message-ttl",
  "x-expires",
  "x-max-length",
  "x-max-length-bytes",
  "x-overflow",
  "x-dead-letter-exchange",
  "x-dead-letter-routing-key",
  "x-max-priority",
  "x-single-active-consumer",
  "x-delivery-limit",
];
const FIELD_TYPES = [..."SIlbBsuidftTFAxVD"] as FieldType[];
/** What a client may send. */
const REQUESTS = (Object.keys(METHODS) as MethodName[]).filter((name) =>
  !/Ok$|^connection\.|^channel\.(open|close)$|^basic\.(publish|deliver|return|getEmpty)$/.test(name)
);

/** How a broker is asked for queues so that what is left behind goes by itself. */
function queueArguments(random: Random): TableInput {
  const args: TableInput = { "x-expires": 1000, "x-max-length": random.pick([1, 10, 100]) };
  const sensible: TableInput = {
    "x-dead-letter-exchange": random.pick(EXCHANGES),
    "x-message-ttl": random.pick([0, 1, 30, 1000]),
    "x-overflow": random.pick(["drop-head", "reject-publish", "reject-publish-dlx"]),
    "x-max-priority": random.pick([0, 3, 255]),
    "x-single-active-consumer": true,
    "x-delivery-limit": random.pick([0, 2]),
    "x-queue-type": random.pick(["classic", "quorum"]),
  };
  for (const [name, value] of Object.entries(sensible)) if (random.chance(0.25)) args[name] = value;
  if (random.chance(0.1)) args[random.pick(QUEUE_ARGUMENTS)] = value(random, 2);
  return args;
}

/** A field of any type, with any value. */
function value(random: Random, depth: number): FieldInput {
  const type = random.pick(FIELD_TYPES);
  const big = BigInt(random.int(2 ** 32)) << BigInt(random.int(33));
  switch (type) {
    case "S":
      return random.pick(["", "all", "any", "é".repeat(random.int(40)), "x".repeat(random.int(300))]);
    case "x":
      return random.bytes(random.int(30));
    case "t":
      return random.chance(0.5);
    case "V":
      return null;
    case "l":
    case "T":
      return field(type, random.chance(0.3) ? 2n ** 63n - 1n : big);
    case "d":
    case "f":
      return field(type, random.pick([NaN, Infinity, -0, 1.5, 1e300]));
    case "D":
      return field(type, { scale: random.int(256), value: random.int(2 ** 32) });
    case "F":
      return depth > 0 ? table(random, depth - 1) : {};
    case "A":
      return depth > 0 ? Array.from({ length: random.int(4) }, () => value(random, depth - 1)) : [];
    default:
      return field(type, random.pick([0, 1, -1, 127, 128, 255, random.int(2 ** 31)]));
  }
}

/** A table of some fields, those among them that the broker looks at. */
function table(random: Random, depth = 3): TableInput {
  const names = [
    "a",
    "x-match",
    "CC",
    "BCC",
    "x-death",
    "x-delivery-count",
    "alternate-exchange",
    "__proto__",
    "x-priority",
  ];
  const entries = Array.from(
    { length: random.int(4) },
    (): [string, FieldInput] => [random.pick(names), value(random, depth)],
  );
  return Object.fromEntries(entries);
}

/** Deaths as a broker writes them, but for what a client may have made of them. */
function deaths(random: Random): FieldInput {
  return Array.from({ length: random.int(3) + 1 }, () => ({
    queue: random.pick(QUEUES),
    reason: random.pick(["expired", "rejected", "maxlen"]),
    count: random.chance(0.5) ? 1n : value(random, 1),
    time: random.chance(0.5) ? field("T", 1n) : value(random, 1),
  }));
}

/** The bytes of a table that nobody should read: too deep, too long, or of unknown types. */
function wrongTable(random: Random): Uint8Array {
  const writer = new ByteWriter();
  switch (random.int(4)) {
    case 0: {
      // A table in a table in a table, from the inside out.
      let inner = new Uint8Array(0);
      for (let depth = random.pick([60, 70, 2000]); depth > 0; depth--) {
        const outer = new Uint8Array(inner.length + 7);
        outer.set([1, 97, 70, inner.length >>> 24, inner.length >>> 16, inner.length >>> 8, inner.length]);
        outer.set(inner, 7);
        inner = outer;
      }
      writer.longstr(inner);
      break;
    }
    case 1:
      writer.longstr(new Uint8Array(random.int(100_000)).fill(random.pick([0, 1, 255])));
      break;
    case 2:
      writer.sized((inner) => {
        inner.shortstr("CC");
        inner.octet(random.int(256));
        inner.raw(random.bytes(random.int(20)));
      });
      break;
    default:
      writer.long(random.int(2 ** 32));
      writer.raw(random.bytes(random.int(20)));
  }
  return writer.take();
}

function argument(random: Random, name: string, type: string): unknown {
  // Without it, some methods end the connection.
  if (name === "requeue") return random.chance(0.98);
  if (type === "bit") return random.chance(0.3);
  if (type === "octet" || type === "short") return random.pick([0, 0, 1, 2, 255]);
  if (type === "long") return random.chance(0.02) ? 1 : 0;
  if (type === "longlong") return random.pick([0, 1, 2, 3, 10, 2n ** 63n]);
  if (type === "table") return table(random);
  if (name === "queue") return random.pick(QUEUES);
  if (["exchange", "source", "destination"].includes(name)) return random.pick(EXCHANGES);
  if (name === "type") return random.chance(0.01) ? "x-strange" : random.pick(TYPES);

  return random.pick(KEYS);
}

/** A method that can be read, with arguments that mostly mean something. */
function request(random: Random): Uint8Array<ArrayBuffer> {
  const name = random.chance(0.1) ? "queue.declare" : random.pick(REQUESTS);
  const specs = METHODS[name][2].split(" ").filter(Boolean).map((spec) => spec.split(":"));
  const values = Object.fromEntries(specs.map(([name, type]) => [name, argument(random, name, type)]));
  if (name === "queue.declare") {
    Object.assign(values, { arguments: queueArguments(random), passive: random.chance(0.1) });
    if (values.queue === "") values.exclusive = true;
  }
  // A consumer that is alone with a queue is left to it too seldom.
  if (name === "basic.consume") Object.assign(values, { exclusive: random.chance(0.05), consumerTag: "" });
  if (name === "tx.select" && random.chance(0.8)) return encodeMethod("confirm.select", {});
  return encodeMethod(name, values as MethodInput<typeof name>);
}

/** The frames of a message; the body may be longer or shorter than it says, or in the wrong place. */
function publish(random: Random, channel: number): Uint8Array[] {
  const size = random.pick([0, 1, 10, 1000, random.chance(0.02) ? 300_000 : 20]);
  const headers = random.chance(0.3) ? table(random) : {};
  if (random.chance(0.1)) headers["x-death"] = deaths(random);
  if (random.chance(0.1)) headers.CC = ["fuzz.1", value(random, 1)];
  let properties = encodeProperties({
    headers: random.chance(0.4) ? headers : undefined,
    deliveryMode: random.pick([undefined, 1, 2]),
    priority: random.pick([undefined, 0, 5, 255]),
    expiration: random.chance(0.2) ? random.pick(EXPIRATIONS) : undefined,
    replyTo: random.chance(0.1) ? "amq.rabbitmq.reply-to" : undefined,
    userId: random.chance(0.05) ? "guest" : undefined,
    timestamp: random.chance(0.1) ? 2n ** 64n - 1n : undefined,
  });
  if (random.chance(0.02)) properties = joined([Uint8Array.of(0x20, 0), wrongTable(random)]);
  const header = new ByteWriter();
  header.short(random.chance(0.002) ? 10 : 60);
  header.short(0);
  header.longlong(random.chance(0.005) ? 2n ** BigInt(random.int(64)) : size);
  header.raw(properties);
  const target = { exchange: random.pick(EXCHANGES), routingKey: random.pick(KEYS), mandatory: random.chance(0.2) };
  const frames = [
    encodeFrame(FRAME_METHOD, channel, encodeMethod("basic.publish", target)),
    encodeFrame(FRAME_HEADER, channel, header.take()),
  ];
  for (let left = size; left > 0;) {
    const length = Math.min(left, random.pick([1, 500, 131_064, 131_064]));
    frames.push(encodeFrame(FRAME_BODY, channel, random.chance(0.9) ? new Uint8Array(length) : random.bytes(length)));
    left -= length;
    if (frames.length > 40) break;
  }
  return frames;
}

const OPENING = [
  encodeFrame(
    FRAME_METHOD,
    0,
    encodeMethod("connection.startOk", {
      clientProperties: {
        capabilities: { "connection.blocked": true, consumer_cancel_notify: true, authentication_failure_close: true },
      },
      mechanism: "PLAIN",
      response: "\0guest\0guest",
      locale: "en_US",
    }),
  ),
  encodeFrame(FRAME_METHOD, 0, encodeMethod("connection.tuneOk", { channelMax: 2047, frameMax: 131_072 })),
  encodeFrame(FRAME_METHOD, 0, encodeMethod("connection.open", { virtualHost: "/" })),
];

/** What one client sends after its protocol header: mostly frames that mean something, at a pace of `wild` spoilt ones. */
export function* fuzzFrames(random: Random, count: number, wild: number): Generator<Uint8Array> {
  let before: Uint8Array | undefined;
  for (const frame of plainFrames(random, count)) {
    if (!random.chance(wild)) {
      yield frame;
      before = frame;
      continue;
    }
    yield* spoilt(random, frame, before);
  }
}

/** Opens a channel, also one that the broker closed. */
export function open(channel: number): Uint8Array {
  return encodeFrame(FRAME_METHOD, channel, encodeMethod("channel.open", {}));
}

function* plainFrames(random: Random, count: number): Generator<Uint8Array> {
  yield* OPENING;
  for (let channel = 1; channel <= CHANNELS; channel++) yield open(channel);
  for (let sent = 3 + CHANNELS; sent < count;) {
    const channel = random.between(1, CHANNELS);
    const kind = random.next();
    let frames: Uint8Array[];
    if (kind < 0.35) frames = publish(random, channel);
    else if (kind < 0.92) frames = [encodeFrame(FRAME_METHOD, channel, request(random))];
    else if (kind < 0.99) {
      frames = [encodeFrame(FRAME_METHOD, channel, encodeMethod("channel.close", {})), open(channel)];
    } else frames = [encodeFrame(FRAME_HEARTBEAT, 0, new Uint8Array(0))];
    sent += frames.length;
    yield* frames;
  }
}

/** A frame as it should not be; some ways leave the framing whole, so that the broker looks at what is inside. */
function* spoilt(random: Random, frame: Uint8Array, before: Uint8Array | undefined): Generator<Uint8Array> {
  const type = frame[0];
  const channel = (frame[1] << 8) | frame[2];
  const payload = frame.slice(7, -1);
  switch (random.int(13)) {
    case 0:
      return yield flipped(random, frame);
    case 1:
    case 2:
    case 3:
      return yield encodeFrame(type, channel, flipped(random, payload));
    case 4:
      return yield encodeFrame(type, channel, payload.subarray(0, random.int(payload.length + 1)));
    case 5:
      return yield encodeFrame(type, channel, joined([payload, random.bytes(random.between(1, 20))]));
    case 6:
      return yield frame.subarray(0, random.int(frame.length));
    case 7:
      yield frame;
      return yield frame;
    case 8:
      yield frame;
      return yield before ?? frame;
    case 9:
      return yield encodeFrame(type, random.pick([0, 1, CHANNELS, 2047, 2048, 65_535]), payload);
    case 10:
      return yield encodeFrame(random.pick([0, 1, 2, 3, 4, 8, 255]), channel, payload);
    case 11: {
      const length = random.pick([0, payload.length - 1, payload.length + 1, 131_064, 131_065, 2 ** 31, 2 ** 32 - 1]);
      const wrong = frame.slice();
      new DataView(wrong.buffer).setUint32(3, length);
      return yield wrong;
    }
    default:
      return yield random.chance(0.5)
        ? random.bytes(random.int(2000))
        : encodeFrame(type, channel, random.bytes(random.int(50)));
  }
}

function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length === 0) return copy;
  for (let flips = random.between(1, 4); flips > 0; flips--) copy[random.int(copy.length)] ^= 1 << random.int(8);
  return copy;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
