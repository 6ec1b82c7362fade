import { describeError } from "../../base/errors.ts";
import { SHORT_STRING } from "../../base/short_string.ts";
import { QUEUE_TYPES, type QueueType } from "../../settings/queue_type.ts";
import { outputEventProblems } from "../content/write_cloud_event.ts";
import {
  type ConfigKey,
  defaults,
  flag,
  isObject,
  isScalar,
  isText,
  leaf,
  number,
  readTable,
  type Values,
  wrong,
} from "./config_key.ts";
import { deadLetterQueue, type FunctionDefinition, type Order, type OutputEvent } from "./definition.ts";
import { assertSchedule, type Schedule } from "./schedule.ts";

/*
 * The keys of a function's `config` that say where its messages come from and where they go: queue, bindings, order,
 * schedule and output.
 */

export type Arguments = Record<string, string | number | boolean>;

const MAX_QUEUE_BYTES = SHORT_STRING - deadLetterQueue("").length;

const ARGUMENTS = leaf<Arguments>({
  text: "arguments of the declaration, passed to the broker",
  default: {},
  expected: "an object whose values are strings, numbers or booleans",
  accept: (value) => isObject(value) && Object.values(value).every(isScalar),
});

export const QUEUE_KEYS = {
  name: leaf<string | undefined>({
    text: "the queue's name; default: the function's name",
    default: undefined,
    expected: `a name of 1 to ${MAX_QUEUE_BYTES} bytes that does not start with "amq." or "warren."`,
    accept: isQueueName,
  }),
  type: leaf<QueueType | undefined>({
    text: "the queue's type; quorum queues are replicated; default: QUEUE_TYPE, else the broker decides",
    default: undefined,
    expected: '"classic" or "quorum"',
    accept: (value) => QUEUE_TYPES.includes(value as QueueType),
  }),
  durable: flag("whether the queue survives a restart of the broker", true),
  autoDelete: flag("whether the broker deletes the queue with its last consumer", false),
  arguments: ARGUMENTS,
};

export const BINDING_KEYS = {
  exchange: leaf<string>({
    text: "the exchange; declared as durable if it does not exist",
    default: "",
    expected: `an exchange's name of 1 to ${SHORT_STRING} bytes (the default exchange has no bindings)`,
    accept: (value) => isText(value, 1),
  }),
  type: leaf<string>({
    text: "the exchange's type",
    default: "topic",
    expected: '"direct", "fanout", "topic" or "headers"',
    accept: (value) => ["direct", "fanout", "topic", "headers"].includes(value as string),
  }),
  routingKey: leaf<string>({
    text: "the routing key, or the pattern for a topic exchange",
    default: "",
    expected: `a string of at most ${SHORT_STRING} bytes`,
    accept: (value) => isText(value, 0),
  }),
  arguments: ARGUMENTS,
};

const ORDER_KEYS = {
  by: leaf<string | { header?: string; body?: string }>({
    text: "the key: messages with the same key stay in order",
    default: "routingKey",
    expected: '"routingKey", { header: "its-name" } or { body: "customer.id" }',
    accept: (value) => value === "routingKey" || isObject(value) && (isHeader(value) || isBodyPath(value)),
  }),
  partitions: number("how many queues the keys are distributed over", 8, { min: 1, max: 256, whole: true }),
};

type OutputHeaders = NonNullable<NonNullable<FunctionDefinition["output"]>["headers"]>;

const OUTPUT_KEYS = {
  exchange: leaf<string>({
    text: "the exchange; default: the default exchange",
    default: "",
    expected: `an exchange's name of at most ${SHORT_STRING} bytes`,
    accept: (value) => isText(value, 0),
  }),
  routingKey: leaf<string>({
    text: "the routing key",
    default: "",
    expected: `a string of at most ${SHORT_STRING} bytes`,
    accept: (value) => isText(value, 0),
  }),
  headers: leaf<OutputHeaders | undefined>({
    text: "headers of the published message",
    default: undefined,
    expected: 'an object with texts, finite numbers and booleans, whose names do not begin with "warren-"',
    accept: (value) =>
      isObject(value) &&
      Object.entries(value).every(([name, each]) => isText(name, 1) && !name.startsWith("warren-") && isScalar(each)),
  }),
  event: {
    text: "publish results as CloudEvents with these attributes; default: no CloudEvents",
    default: undefined,
    read: readOutputEvent,
  } as ConfigKey<OutputEvent | undefined>,
};

const SCHEDULE_KEYS = {
  cron: leaf<string>({
    text: "five fields, or six with seconds first",
    default: "",
    expected: 'a cron pattern, as in "0 3 * * *"',
    accept: (value) => isText(value, 1),
  }),
  timezone: leaf<string>({
    text: "an IANA time zone",
    default: "UTC",
    expected: 'the name of a time zone, as in "Europe/Berlin"',
    accept: (value) => isText(value, 1),
  }),
  missed: leaf<"once" | "skip">({
    text: "what happens to runs that were missed while no runner was there: one run for all of them, or none",
    default: "once",
    expected: '"once" or "skip"',
    accept: (value) => value === "once" || value === "skip",
  }),
};

export function readQueue(value: unknown, key: string, problems: string[]): Values<typeof QUEUE_KEYS> {
  if (typeof value !== "string") return readTable(value, QUEUE_KEYS, key, problems);
  return { ...defaults(QUEUE_KEYS), name: QUEUE_KEYS.name.read(value, key, problems) };
}

export function readSchedule(value: unknown, key: string, problems: string[]): Schedule {
  const schedule = readTable(typeof value === "string" ? { cron: value } : value, SCHEDULE_KEYS, key, problems);
  try {
    if (schedule.cron !== "") assertSchedule(schedule);
    else if (isObject(value)) problems.push(`${key}.cron is missing`);
  } catch (error) {
    problems.push(`${key}: ${describeError(error)}`);
  }
  return schedule;
}

export function readOrder(value: unknown, key: string, problems: string[]): Order {
  if (isObject(value) && !Object.hasOwn(value, "by")) problems.push(`${key}.by is missing`);
  const { by, partitions } = readTable(value, ORDER_KEYS, key, problems);
  const { header, body } = typeof by === "string" ? {} : by;
  return { header, ...(body !== undefined && { body }), partitions };
}

function isBodyPath(value: Record<string, unknown>): boolean {
  return Object.keys(value).join() === "body" && isText(value.body, 1) && !/(^|\.)(\.|$)/.test(value.body);
}

function isHeader(value: Record<string, unknown>): boolean {
  return Object.keys(value).join() === "header" && isText(value.header, 1);
}

export function readOutput(value: unknown, key: string, problems: string[]): FunctionDefinition["output"] {
  if (typeof value === "string") return { exchange: "", routingKey: OUTPUT_KEYS.routingKey.read(value, key, problems) };
  if (isObject(value) && !Object.hasOwn(value, "routingKey")) problems.push(`${key}.routingKey is missing`);
  const { event, headers, ...route } = readTable(value, OUTPUT_KEYS, key, problems);
  return { ...route, ...(headers && { headers }), ...(event && { event }) };
}

function readOutputEvent(value: unknown, key: string, problems: string[]): OutputEvent | undefined {
  if (!isObject(value)) {
    problems.push(wrong(key, value, "the attributes of an event, an object"));
    return undefined;
  }
  problems.push(...outputEventProblems(value).map((problem) => `${key}: ${problem}`));
  return value as OutputEvent;
}

export function isQueueName(value: unknown): boolean {
  return isText(value, 1, MAX_QUEUE_BYTES) && !/^(amq|warren)\./.test(value);
}
