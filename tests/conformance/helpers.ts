import { assertEquals } from "@std/assert";
import type { RawChannel } from "../support/amqp/raw_channel.ts";
import type { MethodInput } from "../support/amqp/methods.ts";
import type { TableInput } from "../support/amqp/raw_codec.ts";
import type { Broker } from "./conformance_case.ts";

type QueueOptions = Omit<MethodInput<"queue.declare">, "queue" | "arguments">;

/** A channel on a connection of its own. */
export async function openChannel(broker: Broker): Promise<RawChannel> {
  return await (await broker.client()).channel();
}

/** A queue of this connection alone, named by the broker. */
export async function exclusiveQueue(
  channel: RawChannel,
  args: TableInput = {},
  options: QueueOptions = {},
): Promise<string> {
  const { queue } = await channel.call("queue.declare", { exclusive: true, ...options, arguments: args });
  return queue;
}

/** A queue of this connection alone, named here: one that the broker named cannot be declared again. */
export async function ownQueue(broker: Broker, channel: RawChannel, args: TableInput = {}): Promise<string> {
  const queue = broker.name("queue");
  await channel.call("queue.declare", { queue, exclusive: true, arguments: args });
  return queue;
}

/** A durable queue that every connection may use. */
export async function sharedQueue(
  broker: Broker,
  channel: RawChannel,
  args: TableInput = {},
  options: QueueOptions = {},
): Promise<string> {
  const queue = broker.name("queue");
  await channel.call("queue.declare", { queue, durable: true, ...options, arguments: args });
  return queue;
}

export async function declareExchange(
  broker: Broker,
  channel: RawChannel,
  type: string,
  options: Omit<MethodInput<"exchange.declare">, "exchange" | "type"> = {},
): Promise<string> {
  const exchange = broker.name(type);
  await channel.call("exchange.declare", { exchange, type, ...options });
  return exchange;
}

export async function counts(channel: RawChannel, queue: string): Promise<{ messages: number; consumers: number }> {
  const ok = await channel.call("queue.declare", { queue, passive: true });
  return { messages: ok.messageCount, consumers: ok.consumerCount };
}

/**
 * Waits until the broker has very likely done all that was sent on the channel for the queue before. It takes several
 * answers: a queue of RabbitMQ may say how many messages it has before it takes those that came first.
 */
export async function settled(channel: RawChannel, queue: string): Promise<void> {
  for (let round = 0; round < 3; round++) await counts(channel, queue);
}

export async function assertNoDelivery(channel: RawChannel, queue: string): Promise<void> {
  await settled(channel, queue);
  assertEquals(channel.deliveries.takeAll().map((delivery) => delivery.text), []);
}

/** Sends texts through the default exchange; they are in the queue when it resolves. */
export async function fill(channel: RawChannel, queue: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await channel.publishConfirmed({ routingKey: queue }, text);
}

/** Takes everything that is ready in the queue. */
export async function drain(channel: RawChannel, queue: string): Promise<string[]> {
  const texts: string[] = [];
  for (let got = await channel.get(queue, true); got; got = await channel.get(queue, true)) texts.push(got.text);
  return texts;
}

/** The texts of the next deliveries. */
export async function nextTexts(channel: RawChannel, count: number, consumerTag?: string): Promise<string[]> {
  const texts: string[] = [];
  for (let index = 0; index < count; index++) texts.push((await channel.nextDelivery(undefined, consumerTag)).text);
  return texts;
}

/** The message that appears in the queue next, taken without an ack. */
export async function waitFor(channel: RawChannel, queue: string) {
  const consumerTag = await channel.consume(queue, { noAck: true });
  const delivery = await channel.nextDelivery(undefined, consumerTag);
  await channel.call("basic.cancel", { consumerTag });
  return delivery;
}
