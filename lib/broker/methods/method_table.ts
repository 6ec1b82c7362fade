import type { Channel } from "../channel/channel.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import type { Reader } from "../protocol/reader.ts";
import type { Exchange } from "../routing/exchange.ts";
import type { Queue } from "../queue/queue.ts";

/** Handles a method: reads its arguments and answers on its channel. */
export type Method = (channel: Channel, args: Reader) => void;

/** Handlers by class id and method id, combined into one number. */
export type MethodTable = Record<number, Method>;

/** @throws {AmqpError} 404 */
export function findExchange(channel: Channel, name: string): Exchange {
  const exchange = channel.peer.vhost.exchange(name);
  if (!exchange) throw new AmqpError("notFound", `no exchange '${name}' in vhost '/'`);
  return exchange;
}

/**
 * Finds a queue by name. An empty name means the queue that the channel declared last.
 *
 * @throws {AmqpError} 404, or 405 if it is exclusive to another connection
 */
export function findQueue(channel: Channel, name: string): Queue {
  const meant = name || channel.lastQueue;
  if (meant === "") throw new AmqpError("notFound", "no previously declared queue");
  return queueNamed(channel, meant);
}

/** @throws {AmqpError} 404, or 405 if it is exclusive to another connection */
export function queueNamed(channel: Channel, name: string): Queue {
  const queue = channel.peer.vhost.queue(name);
  if (!queue) throw new AmqpError("notFound", `no queue '${name}' in vhost '/'`);
  if (queue.owner !== undefined && queue.owner !== channel.peer) throw locked(name);
  return queue;
}

/**
 * Removes CR and LF from a name, as RabbitMQ does in methods that declare, delete or bind. Methods that publish,
 * consume, get or purge use names unchanged.
 */
export function withoutLineBreaks(name: string): string {
  return /[\r\n]/.test(name) ? name.replaceAll(/[\r\n]/g, "") : name;
}

export function locked(queue: string): AmqpError {
  return new AmqpError(
    "resourceLocked",
    `cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on ` +
      "another connection or the exclusive property value does not match that of the original declaration.",
  );
}

/** @throws {AmqpError} 403 for a reserved name */
export function assertFreeName(kind: "queue" | "exchange", name: string): void {
  if (!name.startsWith("amq.")) return;
  throw new AmqpError("accessRefused", `${kind} name '${name}' contains reserved prefix 'amq.*'`);
}

/** @throws {AmqpError} 403 */
export function assertNotDefault(exchange: string): void {
  if (exchange === "") throw new AmqpError("accessRefused", "operation not permitted on the default exchange");
}
