import type { Channel } from "../channel/channel.ts";
import { ChannelConsumer } from "../channel/channel_consumer.ts";
import { DIRECT_REPLY_TO } from "../routing/direct_reply.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { METHOD } from "../protocol/constants.ts";
import type { Reader } from "../protocol/reader.ts";
import { decodeTable, INTEGER_TYPES, splitTable, TYPE_NAMES } from "../protocol/table.ts";
import type { Queue } from "../queue/queue.ts";
import { findQueue, type MethodTable } from "./method_table.ts";

/** The methods of class basic. `basic.publish` is handled in publishing.ts, since content follows it. */
export const basicMethods: MethodTable = {
  [METHOD.basicQos]: qos,
  [METHOD.basicConsume]: consume,
  [METHOD.basicCancel]: cancel,
  [METHOD.basicGet]: get,
  [METHOD.basicAck](channel, args) {
    const tag = args.u64();
    channel.settle(tag, args.u8() !== 0, "ack");
  },
  [METHOD.basicReject](channel, args) {
    const tag = args.u64();
    channel.settle(tag, false, args.u8() !== 0 ? "requeue" : "reject");
  },
  [METHOD.basicNack](channel, args) {
    const tag = args.u64();
    const flags = args.u8();
    channel.settle(tag, (flags & 1) !== 0, flags & 2 ? "requeue" : "reject");
  },
  [METHOD.basicRecover](channel, args) {
    recover(channel, args);
    channel.send(METHOD.basicRecoverOk);
  },
  [METHOD.basicRecoverAsync]: recover,
};

function qos(channel: Channel, args: Reader): void {
  const size = args.u32();
  const count = args.u16();
  const global = args.u8() !== 0;
  if (size !== 0) throw AmqpError.hard("notImplemented", `prefetch_size!=0 (${size})`);
  if (global) channel.globalPrefetch = count;
  else channel.prefetch = count;
  channel.send(METHOD.basicQosOk);
  if (global) channel.wake();
}

function consume(channel: Channel, args: Reader): void {
  args.u16();
  const queueName = args.shortString();
  const tag = args.shortString() || `amq.ctag-${crypto.randomUUID()}`;
  const flags = args.u8();
  const argumentBytes = args.tableBytes();
  const [, noAck, exclusive, noWait] = [1, 2, 4, 8].map((bit) => (flags & bit) !== 0);
  if (channel.consumers.has(tag) || channel.replies?.tag === tag) {
    throw AmqpError.hard("notAllowed", `attempt to reuse consumer tag '${tag}'`);
  }
  const answer = () => {
    if (!noWait) channel.send(METHOD.basicConsumeOk, (writer) => void writer.shortString(tag));
  };
  if (queueName === DIRECT_REPLY_TO) return consumeReplies(channel, tag, noAck, answer);
  const queue = findQueue(channel, queueName);
  const priority = readPriority(queue, argumentBytes);
  const { consumers } = queue;
  if (exclusive && queue.arguments.singleActiveConsumer) {
    throw new AmqpError(
      "accessRefused",
      `queue '${queue.name}' in vhost '/' has a single active consumer, which excludes an exclusive one`,
    );
  }
  if (consumers.exclusive || (exclusive && consumers.count > 0)) {
    throw new AmqpError("accessRefused", `queue '${queue.name}' in vhost '/' in exclusive use`);
  }
  const { prefetch } = channel;
  if (queue.arguments.kind === "quorum" && channel.globalPrefetch !== 0) {
    throw AmqpError.hard("notImplemented", `queue '${queue.name}' in vhost '/' does not support global qos`);
  }
  const consumer = new ChannelConsumer(channel, queue, { tag, noAck, exclusive, priority, prefetch });
  answer();
  channel.addConsumer(consumer);
  queue.deliver();
}

function readPriority(queue: Queue, argumentBytes: Uint8Array): number {
  const type = splitTable(argumentBytes).find(({ name }) => name === "x-priority")?.type;
  if (type === undefined) return 0;
  if (INTEGER_TYPES.includes(type)) return Number(decodeTable(argumentBytes)["x-priority"]);
  throw new AmqpError(
    "preconditionFailed",
    `invalid arg 'x-priority' for queue '${queue.name}' in vhost '/': ` +
      `"expected integer, got ${TYPE_NAMES[type] ?? type}"`,
  );
}

function consumeReplies(channel: Channel, tag: string, noAck: boolean, answer: () => void): void {
  if (!noAck) throw new AmqpError("preconditionFailed", "reply consumer cannot acknowledge");
  if (channel.replies) throw new AmqpError("preconditionFailed", "reply consumer already set");
  channel.replies = { tag, name: channel.peer.vhost.replies.add(channel) };
  answer();
}

function cancel(channel: Channel, args: Reader): void {
  const tag = args.shortString();
  const noWait = args.u8();
  channel.removeConsumer(tag);
  if (!noWait) channel.send(METHOD.basicCancelOk, (writer) => void writer.shortString(tag));
}

function get(channel: Channel, args: Reader): void {
  args.u16();
  const queue = findQueue(channel, args.shortString());
  const noAck = args.u8() !== 0;
  const entry = queue.get();
  if (entry) channel.answerGet(queue, entry, noAck);
  else channel.send(METHOD.basicGetEmpty, (writer) => void writer.shortString(""));
}

function recover(channel: Channel, args: Reader): void {
  const requeue = args.u8() !== 0;
  if (!requeue) throw AmqpError.hard("notImplemented", "requeue=false");
  channel.settleTaken(channel.unacked.takeAll(), "requeue");
}
