import { AmqpError } from "../protocol/amqp_error.ts";
import { assertSameArgument, readArguments } from "../routing/equivalence.ts";
import { decodeTable, type FieldValue, INTEGER_TYPES, splitTable, TYPE_NAMES } from "../protocol/table.ts";

export type QueueKind = "classic" | "quorum";
export type Overflow = "drop-head" | "reject-publish" | "reject-publish-dlx";

/** The meaning of a queue's arguments. Missing ones are undefined. */
export interface QueueArguments {
  kind: QueueKind;
  /** Milliseconds. */
  messageTtl: number | undefined;
  /** Milliseconds without use after which the queue is deleted. */
  expires: number | undefined;
  maxLength: number | undefined;
  /** Total size of all bodies in bytes. */
  maxLengthBytes: number | undefined;
  overflow: Overflow;
  deadLetterExchange: string | undefined;
  deadLetterRoutingKey: string | undefined;
  maxPriority: number | undefined;
  singleActiveConsumer: boolean;
  /** How many returns a message survives. Undefined means no limit. */
  deliveryLimit: number | undefined;
}

type Check = (value: FieldValue, type: string) => string | undefined;

interface Known {
  /** Returns what is wrong with the value, in RabbitMQ's words. */
  check: Check;
  kinds: readonly QueueKind[];
}

const BOTH: readonly QueueKind[] = ["classic", "quorum"];
/** The longest time that fits a 32-bit timer. */
const MAX_EXPIRY = 4_294_967_295;

const unacceptable = (type: string) => `{unacceptable_type,${TYPE_NAMES[type] ?? type}}`;

const integer: Check = (value, type) => {
  if (typeof value !== "number" || !INTEGER_TYPES.includes(type)) return unacceptable(type);
  return value < 0 ? `{value_negative,${value}}` : undefined;
};
/** RabbitMQ 4 treats a negative number as no limit. */
const limit: Check = (value, type) => INTEGER_TYPES.includes(type) ? undefined : integer(value, type);
const milliseconds: Check = (value, type) =>
  integer(value, type) ?? (value as number > MAX_EXPIRY ? `{value_too_big,${value}}` : undefined);
const positive: Check = (value, type) => milliseconds(value, type) ?? (value === 0 ? "{value_zero,0}" : undefined);
const text: Check = (_value, type) => type === "S" ? undefined : unacceptable(type);
const boolean: Check = (_value, type) => type === "t" ? undefined : unacceptable(type);
const priority: Check = (value, type) =>
  integer(value, type) ?? (value as number > 255 ? `{max_value_exceeded,${value}}` : undefined);
const oneOf = (words: readonly string[], name: string): Check => (value, type) =>
  text(value, type) ?? (words.includes(value as string) ? undefined : `{${name},<<"${value}">>}`);

/** The supported arguments, with the kinds of queues that have them. Others are accepted and stored, as on RabbitMQ. */
const KNOWN: Record<string, Known> = {
  "x-queue-type": { check: oneOf(["classic", "quorum"], "unsupported_queue_type"), kinds: BOTH },
  "x-message-ttl": { check: milliseconds, kinds: BOTH },
  "x-expires": { check: positive, kinds: BOTH },
  "x-max-length": { check: integer, kinds: BOTH },
  "x-max-length-bytes": { check: integer, kinds: BOTH },
  "x-overflow": {
    check: oneOf(["drop-head", "reject-publish", "reject-publish-dlx"], "invalid_overflow"),
    kinds: BOTH,
  },
  "x-dead-letter-exchange": { check: text, kinds: BOTH },
  "x-dead-letter-routing-key": { check: text, kinds: BOTH },
  "x-dead-letter-strategy": {
    check: oneOf(["at-most-once", "at-least-once"], "invalid_dlx_strategy"),
    kinds: ["quorum"],
  },
  "x-max-priority": { check: priority, kinds: ["classic"] },
  "x-queue-mode": { check: oneOf(["default", "lazy"], "invalid_queue_mode"), kinds: ["classic"] },
  "x-queue-version": { check: integer, kinds: ["classic"] },
  "x-single-active-consumer": { check: boolean, kinds: BOTH },
  "x-delivery-limit": { check: limit, kinds: ["quorum"] },
  "x-max-in-memory-length": { check: integer, kinds: ["quorum"] },
  "x-max-in-memory-bytes": { check: integer, kinds: ["quorum"] },
  "x-quorum-initial-group-size": { check: positive, kinds: ["quorum"] },
};

/** Reads and checks a queue's arguments. @throws {AmqpError} 406 with the argument and its problem */
export function readQueueArguments(queue: string, bytes: Uint8Array): QueueArguments {
  const args = decodeTable(bytes);
  const refuse = (name: string, why: string) =>
    new AmqpError("preconditionFailed", `invalid arg '${name}' for queue '${queue}' in vhost '/'${why}`);
  const fields = splitTable(bytes).filter(({ name }) => Object.hasOwn(KNOWN, name));
  for (const { name, type } of fields) {
    const wrong = KNOWN[name].check(args[name], type);
    if (wrong) throw refuse(name, `: ${wrong}`);
  }
  const kind = (args["x-queue-type"] ?? "classic") as QueueKind;
  for (const { name } of fields) {
    if (!KNOWN[name].kinds.includes(kind)) throw refuse(name, ` of queue type rabbit_${kind}_queue`);
  }
  if (args["x-dead-letter-routing-key"] !== undefined && args["x-dead-letter-exchange"] === undefined) {
    throw refuse("x-dead-letter-routing-key", ": routing_key_but_no_dlx_defined");
  }
  const deliveryLimit = args["x-delivery-limit"] as number | undefined;
  const overflow = (args["x-overflow"] ?? "drop-head") as Overflow;
  if (kind === "quorum" && overflow === "reject-publish-dlx") {
    throw refuse("x-overflow", `: {invalid_overflow,<<"${overflow}">>} of queue type rabbit_quorum_queue`);
  }
  return {
    kind,
    messageTtl: args["x-message-ttl"] as number | undefined,
    expires: args["x-expires"] as number | undefined,
    maxLength: args["x-max-length"] as number | undefined,
    maxLengthBytes: args["x-max-length-bytes"] as number | undefined,
    overflow,
    deadLetterExchange: args["x-dead-letter-exchange"] as string | undefined,
    deadLetterRoutingKey: args["x-dead-letter-routing-key"] as string | undefined,
    maxPriority: args["x-max-priority"] as number | undefined,
    singleActiveConsumer: args["x-single-active-consumer"] === true,
    deliveryLimit: deliveryLimit !== undefined && deliveryLimit >= 0 ? deliveryLimit : undefined,
  };
}

const COMPARED = Object.keys(KNOWN);

/** @throws {AmqpError} 406 for the first argument that differs */
export function assertSameArguments(queue: string, received: Uint8Array, current: Uint8Array): void {
  const [wanted, existing] = [readArguments(received), readArguments(current)];
  // Naming the default type is the same as naming none.
  for (const each of [wanted, existing]) if (each.get("x-queue-type")?.text === "classic") each.delete("x-queue-type");
  for (const name of COMPARED) assertSameArgument(`queue '${queue}'`, name, wanted.get(name), existing.get(name));
}
