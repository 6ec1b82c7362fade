/** Every span by its name. docs/tracing.md and the tests compare with this table. */

/** The version of the names and attributes below. */
export const VERSION_OF_SPANS = "1";

export interface SpanSpec {
  /** What the name begins with. What it is done to follows. */
  readonly operation: string;
  /** The rest of the name. */
  readonly subject: string;
  readonly kind: "producer" | "consumer" | "internal";
  readonly attributes: readonly Attribute[];
  /** A sentence without a full stop. */
  readonly help: string;
}

/**
 * What the attributes of spans mean. The names are those of OpenTelemetry's conventions for messaging, RabbitMQ and FaaS;
 * Warren's own begin with `warren.`.
 */
export const ATTRIBUTES = {
  "messaging.system": "`rabbitmq`, whichever broker of AMQP 0-9-1 it is",
  "messaging.operation.name": "`publish` or `process`",
  "messaging.operation.type": "`send` or `process`",
  "messaging.destination.name":
    "`exchange:routing key` where it is published, with `:queue` where it is processed; equal " +
    "and empty parts are left out",
  "messaging.destination.temporary": "`true` if it is an answer to a caller",
  "messaging.rabbitmq.destination.routing_key": "The routing key",
  "messaging.message.id": "The message's id, if it has one",
  "messaging.message.conversation_id": "The message's correlation id, if it has one",
  "messaging.message.body.size": "Bytes of the body",
  "messaging.batch.message_count": "The number of messages, in a batch",
  "faas.name": "The name of the function",
  "faas.version": "The version of the function: the hash of its texts",
  "faas.trigger": "`pubsub`, or `timer` for a run by the schedule",
  "warren.attempt": "Which attempt it is: 1 is the first",
  "warren.outcome": "How it ended: completed, failed, timedOut, rejected, crashed, undecodable, invalid or abandoned",
  "warren.disposition": "What became of the message: ack, retry, deadLetter or return",
  "error.type": "The class of the error, or its code; only if it failed",
} as const;

export type Attribute = keyof typeof ATTRIBUTES;

export const SPANS = {
  publish: {
    operation: "publish",
    subject: "the exchange; the queue if it is the default exchange; `(reply)` for an answer",
    kind: "producer",
    attributes: [
      "messaging.system",
      "messaging.operation.name",
      "messaging.operation.type",
      "messaging.destination.name",
      "messaging.destination.temporary",
      "messaging.rabbitmq.destination.routing_key",
      "messaging.message.id",
      "messaging.message.conversation_id",
      "messaging.message.body.size",
      "error.type",
    ],
    help:
      "One message on its way to the broker, until its confirm: by HTTP, an output, an answer, a retry, a dead letter",
  },
  process: {
    operation: "process",
    subject: "the queue",
    kind: "consumer",
    attributes: [
      "messaging.system",
      "messaging.operation.name",
      "messaging.operation.type",
      "messaging.destination.name",
      "messaging.rabbitmq.destination.routing_key",
      "messaging.message.id",
      "messaging.message.conversation_id",
      "messaging.message.body.size",
      "faas.name",
      "faas.version",
      "faas.trigger",
      "warren.attempt",
      "warren.outcome",
      "warren.disposition",
      "error.type",
    ],
    help: "One attempt to process one message, from the start of its handler until it is settled",
  },
  handle: {
    operation: "handle",
    subject: "the function",
    kind: "internal",
    attributes: ["faas.name", "messaging.batch.message_count", "warren.outcome", "error.type"],
    help: "The handler, in the process where it runs; what it fetches is below it",
  },
} as const satisfies Record<string, SpanSpec>;

/** The event of a process span: the message is settled. */
export const SETTLED = "settled";

/** The attributes of the event. */
export const SETTLED_ATTRIBUTES = {
  "warren.disposition": ATTRIBUTES["warren.disposition"],
  "warren.delay": "Milliseconds until a retry",
  "warren.reason": "Why it is a dead letter",
} as const;
