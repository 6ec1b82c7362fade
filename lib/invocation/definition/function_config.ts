import { WarrenError } from "../../base/errors.ts";
import { SHORT_STRING } from "../../base/short_string.ts";
import {
  byteSize,
  type ConfigKey,
  defaults,
  duration,
  flag,
  isObject,
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
import { HTTP_KEY } from "./http_endpoint.ts";
import { longestHold, MAX_HOLD } from "./order.ts";
import {
  type Arguments,
  BINDING_KEYS,
  isQueueName,
  QUEUE_KEYS,
  readOrder,
  readOutput,
  readQueue,
  readSchedule,
} from "./route_keys.ts";
import type { Schedule } from "./schedule.ts";
import type {
  BodyForm,
  Envelope,
  FunctionDefinition,
  Isolation,
  Order,
  QueueDefinition,
  RetryPolicy,
} from "./definition.ts";

const MB = 1024 * 1024;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const RETRY_KEYS = {
  attempts: number("the maximum number of runs per message, including the first", 5, {
    min: 0,
    max: 1_000_000,
    whole: true,
  }),
  delay: duration("the delay before the second attempt", 1_000, { min: 0, max: 30 * DAY, expected: "at most 30d" }),
  maxDelay: duration("the longest delay", 60 * MINUTE, { min: 0, max: 30 * DAY, expected: "at most 30d" }),
  multiplier: number("factor between one delay and the next", 2, { min: 1, max: 1_000 }),
  jitter: number("random variation of each delay, as a fraction of it", 0.1, { min: 0, max: 1 }),
};

const BATCH_KEYS = {
  size: number("the most messages in a batch", 1, { min: 1, max: 1_000, whole: true }),
  wait: duration("the longest wait after the first message", 1_000, {
    min: 0,
    max: 10 * MINUTE,
    expected: "at most 10m",
  }),
};

const RATE_KEYS = {
  limit: number("the number of starts", 1, { min: 1, max: 1_000_000, whole: true }),
  per: duration("the time span", 1_000, { min: 1, max: DAY, expected: "from 1ms to 1d" }),
};

const KILL_SWITCH_KEYS = {
  window: duration("the time span in which invocations are counted", MINUTE, {
    min: 1_000,
    max: DAY,
    expected: "from 1s to 1d",
  }),
  errorRate: number("the share of failures that trips the switch", 0.5, { min: 0.01, max: 1 }),
  minimum: number("the minimum number of invocations for a trip", 20, { min: 1, max: 1_000_000, whole: true }),
  coolDown: duration("the time from the trip to the probe message", MINUTE, {
    min: 10,
    max: DAY,
    expected: "from 10ms to 1d",
  }),
};

const PERMISSION = leaf<boolean | string[] | undefined>({
  text: "true for everything, or a list as for Deno's flag of this name",
  default: undefined,
  expected: "a boolean or a list of strings, none of them empty or with a comma",
  accept: (value) =>
    typeof value === "boolean" ||
    Array.isArray(value) && value.every((item) => typeof item === "string" && /^[^,\p{Cc}]+$/u.test(item)),
});

const ENV_KEYS = {
  allow: leaf<boolean | string[] | undefined>({
    text: "true for everything, or a list of variables",
    default: undefined,
    expected: 'a boolean or a list of names of variables, with "*" only at the end of one, as in "SMTP_*"',
    accept: (value) =>
      typeof value === "boolean" ||
      Array.isArray(value) && value.every((item) => typeof item === "string" && /^[^,=*\p{Cc}]+\*?$/u.test(item)),
  }),
  strict: flag("whether reading a variable that is not granted throws, instead of a warning", false),
};

const PERMISSION_KEYS = {
  net: PERMISSION,
  env: {
    text: "true for everything, a list of variables, or an object with `allow` (one of these two) and `strict`",
    default: undefined,
    read: readEnv,
  } as ConfigKey<Values<typeof ENV_KEYS> | undefined>,
  read: PERMISSION,
  write: PERMISSION,
  run: PERMISSION,
  sys: PERMISSION,
  ffi: PERMISSION,
};

/** All keys of a function's `config`. Each key is declared only here. */
export const CONFIG_KEYS = {
  queue: { ...object("the queue's name, or the queue", QUEUE_KEYS), read: readQueue },
  bindings: list("exchanges that route to the queue", BINDING_KEYS, ["exchange"]),
  concurrency: number("how many messages run at once in each runner", 10, { min: 1, max: 10_000, whole: true }),
  /** Zero, which functions cannot set, means the concurrency. */
  prefetch: number("how many unsettled messages the broker sends ahead; default: the concurrency", 0, {
    min: 1,
    max: 65_535,
    whole: true,
  }),
  batch: optional("how many messages the handler gets at once", BATCH_KEYS, ["size"]),
  order: {
    text: "which messages are handled in order, one at a time",
    default: undefined,
    read: readOrder,
  } as ConfigKey<Order | undefined>,
  rateLimit: optional("how many messages may start per time span, in each runner", RATE_KEYS, ["limit", "per"]),
  killSwitch: optional("stops taking messages if too many fail", KILL_SWITCH_KEYS),
  timeout: duration("the time limit of one invocation", 30_000, {
    min: 1,
    max: 25 * MINUTE,
    expected: "from 1ms to 25m (RabbitMQ closes the channel of a delivery that is unacked for 30 minutes)",
  }),
  schedule: {
    text: "a cron pattern, or one with a time zone, by which the function runs",
    default: undefined,
    read: readSchedule,
  } as ConfigKey<Schedule | undefined>,
  retry: {
    text: "the retry policy, or a list of delays",
    default: { ...defaults(RETRY_KEYS), delays: undefined },
    read: readRetry,
  } as ConfigKey<RetryPolicy>,
  output: {
    text: "where results are published: a queue's name, or an exchange and a routing key",
    default: undefined,
    read: readOutput,
  } as ConfigKey<FunctionDefinition["output"]>,
  onDead: leaf<string | undefined>({
    text: "the queue that gets a copy of each dead letter",
    default: undefined,
    expected: `the name of a queue, a string of 1 to ${SHORT_STRING} bytes`,
    accept: (value) => isText(value, 1),
  }),
  dedupe: {
    ...duration("how long a message is refused whose id was handled", 0, {
      min: 1_000,
      max: 30 * DAY,
      expected: "from 1s to 30d",
    }),
    default: undefined,
  } as ConfigKey<number | undefined>,
  envelope: leaf<Envelope | undefined>({
    text: "the format of its messages: CloudEvents, or any",
    default: undefined,
    expected: '"cloudevents"',
    accept: (value) => value === "cloudevents",
  }),
  body: leaf<BodyForm>({
    text: "whether the body is decoded by its content type and encoding, or passed on as bytes",
    default: "decoded",
    expected: '"decoded" or "raw"',
    accept: (value) => value === "decoded" || value === "raw",
  }),
  permissions: object("permissions of the function's process; default: none", PERMISSION_KEYS),
  isolation: leaf<Isolation>({
    text: "where the function runs: in its own process, or inline in the runner with the runner's permissions",
    default: "process",
    expected: '"process" or "inline"',
    accept: (value) => value === "process" || value === "inline",
  }),
  memory: byteSize("the memory limit of each process", 512 * MB, { min: 64 * MB, max: 64 * 1024 * MB }),
  instances: number("the maximum number of processes in each runner", 1, { min: 1, max: 256, whole: true }),
  idle: duration("how long an idle process keeps running", 5 * MINUTE, {
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
 * Builds a function's definition from its `config`, and fills in all defaults.
 *
 * @throws {WarrenError} `function`, with one line for each problem
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
    problems.push('permissions have no effect with isolation "inline": the function may do what the runner may');
  }
  if (values.envelope && values.schedule) {
    problems.push(`envelope is "${values.envelope}": the messages of scheduled runs are not events`);
  }
  if (values.envelope && values.body === "raw") {
    problems.push(`body is "raw": with envelope "${values.envelope}" the body is the data of an event`);
  }
  if (values.onDead === queueName) {
    problems.push(`onDead is "${queueName}", the function's own queue: a dead letter would come back for ever`);
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

/** Settings that the queue type does not support. */
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

/** Settings that cannot be combined with an order. */
function orderProblems(
  { batch, timeout, retry, order, envelope, body }: Pick<
    FunctionDefinition,
    "batch" | "timeout" | "retry" | "order" | "envelope" | "body"
  >,
): string[] {
  const problems = batch
    ? ["order and batch cannot be combined: a batch never has two messages with the same key"]
    : [];
  if (order?.body !== undefined && (envelope || body === "raw")) {
    const other = envelope ? `envelope "${envelope}"` : 'body "raw"';
    problems.push(`order.by.body and ${other} cannot be combined: use a header, or the routing key`);
  }
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

/** A list contains the delay before each retry, and so defines how many there are. */
function readRetry(value: unknown, key: string, problems: string[]): RetryPolicy {
  if (!Array.isArray(value)) return { ...readTable(value, RETRY_KEYS, key, problems), delays: undefined };
  const { delay } = RETRY_KEYS;
  const delays = value.map((each, index) => delay.read(each, `${key}[${index}]`, problems));
  if (delays.length > 1_000) problems.push(`${key} has ${delays.length} delays: expected at most 1000`);
  return { ...defaults(RETRY_KEYS), attempts: delays.length + 1, maxDelay: 30 * DAY, delays };
}
