import type { Channel } from "../channel/channel.ts";
import { assertSame } from "../routing/equivalence.ts";
import { DIRECT_REPLY_TO } from "../routing/direct_reply.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { METHOD } from "../protocol/constants.ts";
import type { Reader } from "../protocol/reader.ts";
import type { Queue } from "../queue/queue.ts";
import { assertSameArguments } from "../queue/queue_arguments.ts";
import {
  assertFreeName,
  assertNotDefault,
  findExchange,
  findQueue,
  locked,
  type MethodTable,
  queueNamed,
  withoutLineBreaks,
} from "./method_table.ts";

export const queueMethods: MethodTable = {
  [METHOD.queueDeclare]: declare,
  [METHOD.queueBind]: bind,
  [METHOD.queueUnbind]: unbind,
  [METHOD.queuePurge]: purge,
  [METHOD.queueDelete]: remove,
};

interface Declaration {
  name: string;
  durable: boolean;
  exclusive: boolean;
  autoDelete: boolean;
  argumentBytes: Uint8Array;
}

function declare(channel: Channel, args: Reader): void {
  args.u16();
  const given = args.shortString();
  const flags = args.u8();
  const argumentBytes = args.tableBytes();
  const [passive, durable, exclusive, autoDelete, noWait] = [1, 2, 4, 8, 16].map((bit) => (flags & bit) !== 0);
  // A consumer of direct replies is not a queue, but clients may check that it exists.
  if (given.startsWith(DIRECT_REPLY_TO)) return answerReplyQueue(channel, given, noWait);
  const name = withoutLineBreaks(given);
  // As on RabbitMQ, an empty name does not mean the last queue here.
  const queue = passive
    ? queueNamed(channel, name)
    : declared(channel, { name, durable, exclusive, autoDelete, argumentBytes });
  channel.peer.vhost.makeLasting();
  queue.used();
  channel.lastQueue = queue.name;
  if (!noWait) answerDeclare(channel, queue.name, queue.messageCount, queue.consumers.count);
}

function declared(channel: Channel, declaration: Declaration): Queue {
  const { vhost } = channel.peer;
  if (declaration.name !== "") assertFreeName("queue", declaration.name);
  const name = declaration.name || generatedName();
  const existing = vhost.queue(name);
  if (existing) {
    assertEquivalent(channel, existing, declaration);
    return existing;
  }
  const { durable, exclusive, autoDelete, argumentBytes } = declaration;
  return vhost.addQueue({ name, durable, autoDelete, owner: exclusive ? channel.peer : undefined, argumentBytes });
}

function assertEquivalent(
  channel: Channel,
  queue: Queue,
  { durable, exclusive, autoDelete, argumentBytes }: Declaration,
): void {
  if (queue.owner !== (exclusive ? channel.peer : undefined)) throw locked(queue.name);
  const what = `queue '${queue.name}'`;
  assertSame(what, "durable", durable, queue.durable);
  assertSame(what, "auto_delete", autoDelete, queue.autoDelete);
  assertSameArguments(queue.name, argumentBytes, queue.argumentBytes);
}

function answerDeclare(channel: Channel, name: string, messages: number, consumers: number): void {
  channel.send(METHOD.queueDeclareOk, (writer) => void writer.shortString(name).u32(messages).u32(consumers));
}

function answerReplyQueue(channel: Channel, name: string, noWait: boolean): void {
  if (name !== DIRECT_REPLY_TO && !channel.peer.vhost.replies.find(name)) {
    throw new AmqpError("notFound", `no queue '${name}' in vhost '/'`);
  }
  if (!noWait) answerDeclare(channel, name, 0, 1);
}

/** A new unique name. */
function generatedName(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  const text = btoa(String.fromCharCode(...random)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `amq.gen-${text}`;
}

function bind(channel: Channel, args: Reader): void {
  args.u16();
  const queueName = args.shortString();
  const exchange = withoutLineBreaks(args.shortString());
  let key = args.shortString();
  const noWait = args.u8();
  const argumentBytes = args.tableBytes();
  assertNotDefault(exchange);
  const queue = queueMeant(channel, queueName);
  // If the queue's name is empty, an empty key means the name of the queue that was declared last.
  if (queueName === "" && key === "") key = queue.name;
  channel.peer.vhost.bind(findExchange(channel, exchange), queue, key, argumentBytes);
  channel.peer.vhost.makeLasting();
  if (!noWait) channel.send(METHOD.queueBindOk);
}

/** Finds a queue by name without line breaks. An empty name means the queue that was declared last. */
function queueMeant(channel: Channel, name: string): Queue {
  return name === "" ? findQueue(channel, "") : queueNamed(channel, withoutLineBreaks(name));
}

function unbind(channel: Channel, args: Reader): void {
  args.u16();
  const queueName = args.shortString();
  const exchange = withoutLineBreaks(args.shortString());
  let key = args.shortString();
  const argumentBytes = args.tableBytes();
  assertNotDefault(exchange);
  const { vhost } = channel.peer;
  const source = vhost.exchange(exchange);
  // Unbinding succeeds if the queue or exchange does not exist.
  if (source && (queueName === "" || vhost.queue(withoutLineBreaks(queueName)))) {
    const queue = queueMeant(channel, queueName);
    if (queueName === "" && key === "") key = queue.name;
    vhost.unbind(source, queue, key, argumentBytes);
  }
  vhost.makeLasting();
  channel.send(METHOD.queueUnbindOk);
}

function purge(channel: Channel, args: Reader): void {
  args.u16();
  const queue = findQueue(channel, args.shortString());
  const noWait = args.u8();
  const count = channel.peer.vhost.purge(queue);
  if (!noWait) channel.send(METHOD.queuePurgeOk, (writer) => void writer.u32(count));
}

function remove(channel: Channel, args: Reader): void {
  args.u16();
  const name = args.shortString();
  const flags = args.u8();
  const { vhost } = channel.peer;
  const answer = (count: number) => {
    vhost.makeLasting();
    if (!(flags & 4)) channel.send(METHOD.queueDeleteOk, (writer) => void writer.u32(count));
  };
  if (name !== "" && !vhost.queue(withoutLineBreaks(name))) return answer(0);
  const queue = queueMeant(channel, name);
  if (flags & 1 && queue.consumers.count > 0) {
    throw new AmqpError("preconditionFailed", `queue '${queue.name}' in vhost '/' in use`);
  }
  if (flags & 2 && queue.messageCount > 0) {
    throw new AmqpError("preconditionFailed", `queue '${queue.name}' in vhost '/' not empty`);
  }
  const count = queue.messageCount;
  vhost.deleteQueue(queue);
  answer(count);
}
