import type { FunctionDefinition, QueueDefinition } from "../../invocation/definition/definition.ts";
import type { QueueType } from "../../settings/queue_type.ts";
import type { BrokerTraits } from "../client/broker_traits.ts";
import { DISPATCH_EXCHANGE } from "../message/names.ts";

type Arguments = QueueDefinition["arguments"];

/** How a queue is declared. */
export interface Shape {
  readonly queue: QueueDefinition;
  /** The arguments for a broker to which the first ones mean nothing for a queue of that kind. */
  readonly otherwise?: Arguments;
}

/** A function's own queue. What its configuration says about the arguments is never overruled. */
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
  // The vhost's default type may be quorum, which nothing but the answer to a declare tells.
  const safe = { ...quorumSafety(traits), ...typed };
  const untold = type === undefined && canBeQuorum(queue) && Object.keys(safe).length > Object.keys(typed).length;
  return untold
    ? { queue: { ...queue, arguments: safe }, otherwise: typed }
    : { queue: { ...queue, arguments: typed } };
}

/** A partition of an ordered function's queue: of the same kind as that. */
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

/** A queue of Warren's own, which has copies on several nodes where the broker can. */
export function ownShape(name: string, traits: BrokerTraits, { single = false } = {}): Shape {
  const args: Arguments = single ? { "x-single-active-consumer": true } : {};
  const replicated = traits.replicates ? { "x-queue-type": "quorum", ...quorumSafety(traits), ...args } : args;
  return { queue: { name, durable: true, autoDelete: false, arguments: replicated } };
}

/** The queue that holds retries back for `ms` milliseconds, where the broker has quorum queues and where it has none. */
export function retryShape(name: string, ms: number): Shape {
  const back = { "x-message-ttl": ms, "x-dead-letter-exchange": DISPATCH_EXCHANGE };
  // A quorum queue moves an expired message with a confirm; a classic one could lose it in a crash of the broker.
  const safely = {
    ...back,
    "x-queue-type": "quorum",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
  };
  return { queue: { name, durable: true, autoDelete: false, arguments: safely }, otherwise: back };
}

/** With these a quorum queue drops nothing that came back, and gives away at once what a lost node had. */
function quorumSafety({ limitsReturns, keepsLost }: BrokerTraits): Arguments {
  return {
    ...(limitsReturns ? { "x-delivery-limit": -1 } : {}),
    ...(keepsLost ? { "x-consumer-disconnected-timeout": 0 } : {}),
  };
}

/** A quorum queue knows no exclusive consumers: of several that come at once, one is active. */
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
