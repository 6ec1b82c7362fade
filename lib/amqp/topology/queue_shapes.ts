import type { FunctionDefinition, QueueDefinition } from "../../invocation/definition/definition.ts";
import type { QueueType } from "../../settings/queue_type.ts";
import type { BrokerTraits } from "../client/broker_traits.ts";
import { DISPATCH_EXCHANGE } from "../message/names.ts";

type Arguments = QueueDefinition["arguments"];

/** How a queue is declared. */
export interface Shape {
  readonly queue: QueueDefinition;
  /** The arguments for a broker that does not support the first ones for that kind of queue. */
  readonly otherwise?: Arguments;
}

/** A function's own queue. The arguments in its configuration always win. */
export function workShape(
  { queue, order }: Pick<FunctionDefinition, "queue" | "order">,
  traits: BrokerTraits,
  byDefault: QueueType | undefined,
): Shape {
  const type = typeOf(queue, byDefault);
  const typed = type === undefined ? queue.arguments : { "x-queue-type": type, ...queue.arguments };
  if (type === "quorum") {
    return {
      queue: { ...queue, arguments: { ...quorumArguments(traits, { single: order !== undefined }), ...typed } },
    };
  }
  // The vhost's default type may be quorum. Only the answer to a declaration tells.
  const safe = { ...quorumSafety(traits), ...typed };
  const untold = type === undefined && canBeQuorum(queue) && Object.keys(safe).length > Object.keys(typed).length;
  return untold
    ? { queue: { ...queue, arguments: safe }, otherwise: typed }
    : { queue: { ...queue, arguments: typed } };
}

/** A partition of an ordered function's queue. It is of the same type. */
export function partitionShape(
  definition: Pick<FunctionDefinition, "queue" | "order">,
  name: string,
  traits: BrokerTraits,
  byDefault: QueueType | undefined,
): Shape {
  const type = typeOf(definition.queue, byDefault);
  const args: Arguments = type === undefined ? {} : { "x-queue-type": type };
  const queue = { ...definition.queue, name, autoDelete: false, arguments: args };
  return workShape({ ...definition, queue }, traits, undefined);
}

/** A queue of Warren's own. It is replicated if the broker supports that. */
export function ownShape(name: string, traits: BrokerTraits, { single = false } = {}): Shape {
  const args: Arguments = single ? { "x-single-active-consumer": true } : {};
  const replicated = traits.replicates ? { "x-queue-type": "quorum", ...quorumSafety(traits), ...args } : args;
  return { queue: { name, durable: true, autoDelete: false, arguments: replicated } };
}

/** The queue that holds retries for `ms` milliseconds, on brokers with quorum queues and on others. */
export function retryShape(name: string, ms: number): Shape {
  const back = { "x-message-ttl": ms, "x-dead-letter-exchange": DISPATCH_EXCHANGE };
  // A quorum queue moves an expired message with a confirm. A classic one could lose it if the broker crashes.
  const safely = {
    ...back,
    "x-queue-type": "quorum",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
  };
  return { queue: { name, durable: true, autoDelete: false, arguments: safely }, otherwise: back };
}

/** With these, a quorum queue never drops returned messages, and redelivers at once what a lost node had. */
function quorumSafety({ limitsReturns, keepsLost }: BrokerTraits): Arguments {
  return {
    ...(limitsReturns ? { "x-delivery-limit": -1 } : {}),
    ...(keepsLost ? { "x-consumer-disconnected-timeout": 0 } : {}),
  };
}

/** Quorum queues do not support exclusive consumers. With a single active consumer, one of several is active. */
function quorumArguments(traits: BrokerTraits, { single }: { single: boolean }): Arguments {
  const one: Arguments = single && traits.replicates ? { "x-single-active-consumer": true } : {};
  return { ...quorumSafety(traits), ...one };
}

function typeOf(queue: QueueDefinition, byDefault: QueueType | undefined): string | undefined {
  const { "x-queue-type": own } = queue.arguments;
  if (own !== undefined) return String(own);
  return byDefault === "quorum" && !canBeQuorum(queue) ? undefined : byDefault;
}

function canBeQuorum({ durable, autoDelete }: QueueDefinition): boolean {
  return durable && !autoDelete;
}
