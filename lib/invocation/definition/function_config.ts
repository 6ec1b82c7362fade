import { describeError, WarrenError } from "../../base/errors.ts";
import { SHORT_STRING } from "../../base/short_string.ts";
import {
  byteSize,
  type ConfigKey,
  defaults,
  duration,
  flag,
  isObject,
  isScalar,
  isText,
  leaf,
  list,
  number,
  object,
  optional,
  readTable,
  type Values,
  wrong,
} from "./config_key.ts";
import { QUEUE_TYPES, type QueueType } from "../../settings/queue_type.ts";
import { HTTP_KEY } from "./http_endpoint.ts";
import { longestHold, MAX_HOLD } from "./order.ts";
import { assertSchedule, type Schedule } from "./schedule.ts";
import {
  type BodyForm,
  deadLetterQueue,
  type Envelope,
  type FunctionDefinition,
  type Isolation,
  type Order,
  type OutputEvent,
  type QueueDefinition,
  type RetryPolicy,
} from "./definition.ts";
import { outputEventProblems } from "../content/write_cloud_event.ts";

type Arguments = Record<string, string | number | boolean>;

const MB = 1024 * 1024;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MAX_QUEUE_BYTES = SHORT_STRING - deadLetterQueue("").length;

const ARGUMENTS = leaf<Arguments>({
  text: "arguments, as the broker takes them",
  default: {},
  expected: "an object whose values are strings, numbers or booleans",
  accept: (value) => isObject(value) && Object.values(value).every(isScalar),
});

const QUEUE_KEYS = {
  name: leaf<string | undefined>({
    text: "the queue's name; by default the function's",
    default: undefined,
    expected: `a name of 1 to ${MAX_QUEUE_BYTES} bytes that does not start with "amq." or "warren."`,
    accept: isQueueName,
  }),
  type: leaf<QueueType | undefined>({
    text:
      "what kind of queue it is: a quorum queue has copies on several nodes; by default QUEUE_TYPE, else what the broker says",
    default: undefined,
    expected: '"classic" or "quorum"',
    accept: (value) => QUEUE_TYPES.includes(value as QueueType),
  }),
  durable: flag("whether the queue outlives the broker's restart", true),
  autoDelete: flag("whether the queue goes with its last consumer", false),
  arguments: ARGUMENTS,
};

const BINDING_KEYS = {
  exchange: leaf<string>({
    text: "the exchange, declared durable if it is not there",
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
    text: "the routing key, or a topic's pattern",
    default: "",
    expected: `a string of at most ${SHORT_STRING} bytes`,
    accept: (value) => isText(value, 0),
  }),
  arguments: ARGUMENTS,
};

const RETRY_KEYS = {
  attempts: number("how often the handler runs for one message, the first time included", 5, {
    min: 0,
    max: 1_000_000,
    whole: true,
  }),
  delay: duration("before the second attempt", 1_000, { min: 0, max: 30 * DAY, expected: "at most 30d" }),
  maxDelay: duration("no delay grows past this", 60 * MINUTE, { min: 0, max: 30 * DAY, expected: "at most 30d" }),
  multiplier: number("each delay is this many times the one before", 2, { min: 1, max: 1_000 }),
  jitter: number("each delay is spread by up to this fraction of itself", 0.1, { min: 0, max: 1 }),
};

const BATCH_KEYS = {
  size: number("at most so many", 1, { min: 1, max: 1_000, whole: true }),
  wait: duration("and no later than this after the first", 1_000, {
    min: 0,
    max: 10 * MINUTE,
    expected: "at most 10m",
  }),
};

const ORDER_KEYS = {
  by: leaf<string | { header: string }>({
    text: "what messages in order have in common",
    default: "routingKey",
    expected: '"routingKey" or { header: "its-name" }',
    accept: (value) => value === "routingKey" || isObject(value) && isHeader(value),
  }),
  partitions: number("how many queues the keys are spread over", 8, { min: 1, max: 256, whole: true }),
};

const RATE_KEYS = {
  limit: number("how many", 1, { min: 1, max: 1_000_000, whole: true }),
  per: duration("in how long", 1_000, { min: 1, max: DAY, expected: "from 1ms to 1d" }),
};

const KILL_SWITCH_KEYS = {
  window: duration("how far it looks back", MINUTE, { min: 1_000, max: DAY, expected: "from 1s to 1d" }),
  errorRate: number("the share of errors that trips it", 0.5, { min: 0.01, max: 1 }),
  minimum: number("fewer invocations never trip it", 20, { min: 1, max: 1_000_000, whole: true }),
  coolDown: duration("from the trip to the one message", MINUTE, { min: 10, max: DAY, expected: "from 10ms to 1d" }),
};

const OUTPUT_KEYS = {
  exchange: leaf<string>({
    text: "the exchange; by default the default one",
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
  event: {
    text: "the attributes of the CloudEvents that the results are; by default they are none",
    default: undefined,
    read: readOutputEvent,
  } as ConfigKey<OutputEvent | undefined>,
};

const PERMISSION = leaf<boolean | string[] | undefined>({
  text: "true for all, or a list as Deno's flag of this name takes it",
  default: undefined,
  expected: "a boolean or a list of strings, none of them empty or with a comma",
  accept: (value) =>
    typeof value === "boolean" ||
    Array.isArray(value) && value.every((item) => typeof item === "string" && /^[^,\p{Cc}]+$/u.test(item)),
});

const ENV_KEYS = {
  allow: leaf<boolean | string[] | undefined>({
    text: "true for all, or a list of variables",
    default: undefined,
    expected: 'a boolean or a list of names of variables, with "*" only at the end of one, as in "SMTP_*"',
    accept: (value) =>
      typeof value === "boolean" ||
      Array.isArray(value) && value.every((item) => typeof item === "string" && /^[^,=*\p{Cc}]+\*?$/u.test(item)),
  }),
  strict: flag("whether a variable that is not granted is an error, instead of being absent with a warning", false),
};

const PERMISSION_KEYS = {
  net: PERMISSION,
  env: {
    text: "true for all, a list of variables, or an object with the two under `allow`, and `strict`",
    default: undefined,
    read: readEnv,
  } as ConfigKey<Values<typeof ENV_KEYS> | undefined>,
  read: PERMISSION,
  write: PERMISSION,
  run: PERMISSION,
  sys: PERMISSION,
  ffi: PERMISSION,
};

/** Everything that a function's `config` may say: the one place where a key is declared. */
export const CONFIG_KEYS = {
  queue: { ...object("the queue's name, or the queue", QUEUE_KEYS), read: readQueue },
  bindings: list("what else arrives in the queue", BINDING_KEYS, ["exchange"]),
  concurrency: number("how many messages run at once in each runner", 10, { min: 1, max: 10_000, whole: true }),
  /** Zero, which cannot be asked for, stands for the concurrency. */
  prefetch: number("how many unsettled messages the broker sends ahead; by default the concurrency", 0, {
    min: 1,
    max: 65_535,
    whole: true,
  }),
  batch: optional("how many messages the handler gets at once", BATCH_KEYS, ["size"]),
  order: {
    text: "which messages are handled one after the other",
    default: undefined,
    read: readOrder,
  } as ConfigKey<Order | undefined>,
  rateLimit: optional("how many may start in a span of time, in each runner", RATE_KEYS, ["limit", "per"]),
  killSwitch: optional("when it stops taking messages because too many fail", KILL_SWITCH_KEYS),
  timeout: duration("how long one invocation may take", 30_000, {
    min: 1,
    max: 25 * MINUTE,
    expected: "from 1ms to 25m (RabbitMQ closes the channel of a delivery that is unacked for 30 minutes)",
  }),
  schedule: {
    text: "when it runs by itself: a cron pattern, or one with a time zone",
    default: undefined,
    read: readSchedule,
  } as ConfigKey<Schedule | undefined>,
  retry: {
    text: "when a message is tried again, or a list of delays",
    default: { ...defaults(RETRY_KEYS), delays: undefined },
    read: readRetry,
  } as ConfigKey<RetryPolicy>,
  output: {
    text: "where what the handler returns is published: a queue's name, or an exchange and a routing key",
    default: undefined,
    read: readOutput,
  } as ConfigKey<FunctionDefinition["output"]>,
  envelope: leaf<Envelope | undefined>({
    text: "what its messages have to be: CloudEvents, or anything",
    default: undefined,
    expected: '"cloudevents"',
    accept: (value) => value === "cloudevents",
  }),
  body: leaf<BodyForm>({
    text: "whether the body is decoded by its content type and its encodings, or is the bytes as they came",
    default: "decoded",
    expected: '"decoded" or "raw"',
    accept: (value) => value === "decoded" || value === "raw",
  }),
  permissions: object("what the function's process may do; by default nothing", PERMISSION_KEYS),
  isolation: leaf<Isolation>({
    text: "where the function runs: in a process of its own, or in the runner's, with all that the runner may do",
    default: "process",
    expected: '"process" or "inline"',
    accept: (value) => value === "process" || value === "inline",
  }),
  memory: byteSize("how much memory each process may take", 512 * MB, { min: 64 * MB, max: 64 * 1024 * MB }),
  instances: number("how many processes the function may have in each runner", 1, { min: 1, max: 256, whole: true }),
  idle: duration("how long a process stays without work", 5 * MINUTE, {
    min: 0,
    max: 30 * DAY,
    expected: "at most 30d",
  }),
  warm: flag("whether a process starts with the runner instead of with the first message", false),
  publish: leaf<boolean | string[]>({
    text: "where it may publish: true for everywhere, or a list of routes",
    default: true,
    expected: 'true, false or a list of routes, as in ["orders.*", "shop/#"]',
    accept: (value) => typeof value === "boolean" || Array.isArray(value) && value.every((route) => isText(route, 1)),
  }),
  http: HTTP_KEY,
  enabled: flag("whether the function is bound to its queue", true),
};

/**
 * The definition of a function from the data of its `config`, with every default filled in.
 *
 * @throws {WarrenError} `function`, with one line for each thing that is wrong in it
 */
export function resolveFunctionConfig(
  data: Record<string, unknown>,
  where: { name: string; file: string; version: string; validates?: boolean },
): FunctionDefinition {
  const problems: string[] = [];
  const values = readTable(data, CONFIG_KEYS, "", problems);
  const { retry, concurrency } = values;
  if (!retry.delays && retry.delay > retry.maxDelay) {
    problems.push(`retry.delay is ${retry.delay} ms: expected at most retry.maxDelay, which is ${retry.maxDelay} ms`);
  }
  const queueName = values.queue.name ?? where.name;
  if (!isQueueName(queueName)) problems.push(wrong("queue", queueName, QUEUE_KEYS.name.expected));
  const { env } = values.permissions;
  const asked = Object.entries({ ...values.permissions, env: env?.allow }).filter(([, value]) => value !== undefined);
  if (values.isolation === "inline" && asked.length > 0) {
    problems.push('permissions mean nothing with isolation "inline": the function may do what the runner may');
  }
  if (values.envelope && values.schedule) {
    problems.push(`envelope is "${values.envelope}": a scheduled run is a message that is no event`);
  }
  if (values.envelope && values.body === "raw") {
    problems.push(`body is "raw": with envelope "${values.envelope}" it is the data of an event`);
  }
  problems.push(...queueTypeProblems(values.queue));
  if (values.order) problems.push(...orderProblems(values));
  if (problems.length > 0) throw new WarrenError("function", problems.join("\n"));
  return {
    validates: false,
    ...where,
    ...values,
    queue: queueOf(values.queue, queueName),
    prefetch: values.prefetch || Math.min(65_535, concurrency * (values.batch?.size ?? 1)),
    permissions: Object.fromEntries(asked),
    strictEnv: env?.strict ?? false,
  };
}

type QueueValues = Values<typeof QUEUE_KEYS>;

function queueOf({ type, ...queue }: QueueValues, name: string): QueueDefinition {
  const typed: Arguments = type ? { "x-queue-type": type } : {};
  return { ...queue, name, arguments: { ...queue.arguments, ...typed } };
}

/** What a queue of that type cannot be. */
function queueTypeProblems(
  { type, durable, autoDelete, arguments: { "x-queue-type": argument } }: QueueValues,
): string[] {
  if (type && argument !== undefined && argument !== type) {
    return [`queue.type is "${type}", and queue.arguments has the type "${argument}": expected one of the two`];
  }
  if ((type ?? argument) !== "quorum" || durable && !autoDelete) return [];
  const key = durable ? "autoDelete is true" : "durable is false";
  return [`queue.${key}, and queue.type is "quorum": a quorum queue is durable, and stays when nobody consumes it`];
}

/** What cannot be had together with an order. */
function orderProblems({ batch, timeout, retry }: Pick<FunctionDefinition, "batch" | "timeout" | "retry">): string[] {
  const problems = batch ? ["order and batch cannot be had together: a batch has no two messages of one key"] : [];
  const hold = longestHold(timeout, retry);
  if (hold <= MAX_HOLD) return problems;
  return [
    ...problems,
    `retry and timeout: all attempts of one message take ${
      Math.round(hold / 60_000)
    } minutes or more, and with order ` +
    `they must end within ${MAX_HOLD / 60_000}, since a message that waits for its retry holds back those of its key`,
  ];
}

function readEnv(value: unknown, key: string, problems: string[]): Values<typeof ENV_KEYS> {
  if (isObject(value)) return readTable(value, ENV_KEYS, key, problems);
  return { allow: ENV_KEYS.allow.read(value, key, problems), strict: false };
}

function readQueue(value: unknown, key: string, problems: string[]): Values<typeof QUEUE_KEYS> {
  if (typeof value !== "string") return readTable(value, QUEUE_KEYS, key, problems);
  return { ...defaults(QUEUE_KEYS), name: QUEUE_KEYS.name.read(value, key, problems) };
}

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
    text: "whether times at which no runner was there are made up for, by one run",
    default: "once",
    expected: '"once" or "skip"',
    accept: (value) => value === "once" || value === "skip",
  }),
};

function readSchedule(value: unknown, key: string, problems: string[]): Schedule {
  const schedule = readTable(typeof value === "string" ? { cron: value } : value, SCHEDULE_KEYS, key, problems);
  try {
    if (schedule.cron !== "") assertSchedule(schedule);
    else if (isObject(value)) problems.push(`${key}.cron is missing`);
  } catch (error) {
    problems.push(`${key}: ${describeError(error)}`);
  }
  return schedule;
}

function readOrder(value: unknown, key: string, problems: string[]): Order {
  if (isObject(value) && !Object.hasOwn(value, "by")) problems.push(`${key}.by is missing`);
  const { by, partitions } = readTable(value, ORDER_KEYS, key, problems);
  return { header: typeof by === "string" ? undefined : by.header, partitions };
}

function isHeader(value: Record<string, unknown>): boolean {
  return Object.keys(value).join() === "header" && isText(value.header, 1);
}

/** A list has the delay before each retry, and so how many there are. */
function readRetry(value: unknown, key: string, problems: string[]): RetryPolicy {
  if (!Array.isArray(value)) return { ...readTable(value, RETRY_KEYS, key, problems), delays: undefined };
  const { delay } = RETRY_KEYS;
  const delays = value.map((each, index) => delay.read(each, `${key}[${index}]`, problems));
  if (delays.length > 1_000) problems.push(`${key} has ${delays.length} delays: expected at most 1000`);
  return { ...defaults(RETRY_KEYS), attempts: delays.length + 1, maxDelay: 30 * DAY, delays };
}

function readOutput(value: unknown, key: string, problems: string[]): FunctionDefinition["output"] {
  if (typeof value === "string") return { exchange: "", routingKey: OUTPUT_KEYS.routingKey.read(value, key, problems) };
  if (isObject(value) && !Object.hasOwn(value, "routingKey")) problems.push(`${key}.routingKey is missing`);
  const { event, ...route } = readTable(value, OUTPUT_KEYS, key, problems);
  return event ? { ...route, event } : route;
}

function readOutputEvent(value: unknown, key: string, problems: string[]): OutputEvent | undefined {
  if (!isObject(value)) {
    problems.push(wrong(key, value, "the attributes of an event, an object"));
    return undefined;
  }
  problems.push(...outputEventProblems(value).map((problem) => `${key}: ${problem}`));
  return value as OutputEvent;
}

function isQueueName(value: unknown): boolean {
  return isText(value, 1, MAX_QUEUE_BYTES) && !/^(amq|warren)\./.test(value);
}
