import { traitsOf } from "../../amqp/client/broker_traits.ts";
import { workShape } from "../../amqp/topology/queue_shapes.ts";
import { formatDuration } from "../../base/time/duration.ts";
import {
  deadLetterQueue,
  type FunctionDefinition,
  type Order,
  type RetryPolicy,
} from "../../invocation/definition/definition.ts";
import type { HttpEndpoint } from "../../invocation/definition/http_endpoint.ts";
import { nextRun, type Schedule } from "../../invocation/definition/schedule.ts";
import type { QueueType } from "../../settings/queue_type.ts";

/** How many times of a schedule are shown. */
const TIMES = 3;
/** How many delays of a retry list are shown. */
const DELAYS = 10;
const LABEL = 14;

/**
 * Describes a function and what would be declared for it, as text: one line with its name, and one for each setting.
 *
 * @param queueType type of a queue whose config names none
 */
export function describeFunction(definition: FunctionDefinition, now: Date, queueType?: QueueType): string {
  const { queue } = workShape(definition, traitsOf(undefined), queueType);
  const lines = [
    ...addressLines({ ...definition, queue }),
    ...messageLines(definition, now),
    ...limitLines(definition),
    ...processLines(definition),
    line("retry", describeRetry(definition.retry)),
  ];
  return [`${definition.name}${definition.enabled ? "" : " (disabled)"}`, ...lines].join("\n");
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(LABEL)}${text}`;
}

function addressLines({ queue, bindings, http }: FunctionDefinition): string[] {
  const kind = [queue.durable ? "durable" : "not durable", queue.autoDelete ? "auto-delete" : ""].filter(Boolean);
  return [
    line("queue", `${queue.name} (${[...kind, ...pairs(queue.arguments)].join(", ")})`),
    line("dead letters", deadLetterQueue(queue.name)),
    ...(http ? [line("http", describeHttp(http))] : []),
    ...bindings.map(({ exchange, type, routingKey, arguments: more }) =>
      line("binding", [`${exchange} (${type}) "${routingKey}"`, ...pairs(more)].join(", "))
    ),
  ];
}

function messageLines(
  { body, envelope, validates, schedule, order, output, onDead, dedupe, publish }: FunctionDefinition,
  now: Date,
): string[] {
  return [
    ...(schedule ? [line("schedule", describeSchedule(schedule, now))] : []),
    ...(body === "raw" ? [line("messages", "bytes as they come, not decoded")] : []),
    ...(envelope ? [line("messages", "CloudEvents, binary and structured")] : []),
    ...(validates ? [line("input", "bodies have to fit the schema that it exports")] : []),
    ...(order ? [line("order", describeOrder(order))] : []),
    ...(output ? [line("output", describeOutput(output))] : []),
    ...(dedupe
      ? [line("dedupe", `refuses messages whose ids were handled in the last ${formatDuration(dedupe)}`)]
      : []),
    ...(onDead ? [line("on dead", `a copy of each dead letter goes to ${onDead}`)] : []),
    line("publish", publish === true ? "everywhere" : publish && publish.length > 0 ? publish.join(", ") : "nowhere"),
  ];
}

function limitLines(definition: FunctionDefinition): string[] {
  const { concurrency, prefetch, timeout, batch, rateLimit, killSwitch } = definition;
  const each = batch ? "each batch" : "each";
  return [
    line("runs", `${concurrency} at once, prefetch ${prefetch}, at most ${formatDuration(timeout)} ${each}`),
    ...(batch
      ? [line("batch", `${batch.size} messages, or what has come ${formatDuration(batch.wait)} after the first`)]
      : []),
    ...(rateLimit ? [line("rate limit", `${rateLimit.limit} starts in ${formatDuration(rateLimit.per)}`)] : []),
    ...(killSwitch ? [line("kill switch", describeKillSwitch(killSwitch))] : []),
  ];
}

function processLines(definition: FunctionDefinition): string[] {
  const { isolation, instances, memory, idle, warm, permissions, strictEnv } = definition;
  if (isolation === "inline") {
    return [line("isolation", "inline: in the runner's process, with all that the runner may do")];
  }
  const granted = Object.entries(permissions)
    .filter(([, value]) => value === true || (Array.isArray(value) && value.length > 0))
    .map(([key, value]) => value === true ? key : `${key}=${value}`);
  const size = `${Math.round(memory / 1024 / 1024)} MB each`;
  const from = warm ? "one from the start" : "from the first message";
  return [
    line("processes", `at most ${instances}, ${size}, ${from}, until ${formatDuration(idle)} without work`),
    line(
      "permissions",
      `${granted.join(" ") || "none"}${strictEnv ? ", and a look at another variable is an error" : ""}`,
    ),
  ];
}

function describeRetry({ attempts, delay, multiplier, maxDelay, jitter, delays }: RetryPolicy): string {
  if (attempts === 1) return "none: 1 attempt";
  if (delays) {
    const shown = delays.slice(0, DELAYS).map(formatDuration).join(", ");
    const more = delays.length > DELAYS ? ` and ${delays.length - DELAYS} more` : "";
    return `${attempts} attempts, after ${shown}${more}`;
  }
  const spread = jitter > 0 ? `, give or take ${Math.round(jitter * 100)} %` : "";
  const growth = multiplier === 1 ? "" : `, times ${multiplier}, at most ${formatDuration(maxDelay)}`;
  return `${attempts} attempts, after ${formatDuration(delay)}${growth}${spread}`;
}

function describeSchedule(schedule: Schedule, now: Date): string {
  const times: string[] = [];
  for (let next = nextRun(schedule, now); next && times.length < TIMES; next = nextRun(schedule, next)) {
    times.push(next.toISOString().replace(/\.000Z$/, "Z"));
  }
  const missed = schedule.missed === "once" ? "missed times run once" : "missed times are skipped";
  return `"${schedule.cron}" in ${schedule.timezone}, ${missed}; next: ${times.join(", ")}`;
}

function describeKillSwitch({ window, errorRate, minimum, coolDown }: NonNullable<FunctionDefinition["killSwitch"]>) {
  const trips = `pauses if ${Math.round(errorRate * 100)} % of at least ${minimum} fail within ${
    formatDuration(window)
  }`;
  return `${trips}, and tries one message after ${formatDuration(coolDown)}`;
}

function describeHttp({ path, methods, public: open, headers, origins, events }: HttpEndpoint): string {
  const own = path === undefined ? [] : [`${methods.join(", ")} ${path}${open ? ", public" : ""}`];
  const named = headers.length > 0 ? [`headers ${headers.join(", ")}`] : [];
  const pages = origins.length > 0 ? [`pages of ${origins.join(", ")}`] : [];
  const followed = events ? ["events of its messages"] : [];
  return [...own, ...named, ...pages, ...followed].join("; ");
}

function describeOrder({ header, body, partitions }: Order): string {
  const by = body !== undefined ? `"${body}" in the body` : header === undefined ? "routing key" : `header "${header}"`;
  return `by ${by}, in ${partitions} partitions`;
}

function describeOutput(
  { exchange, routingKey, headers, event }: NonNullable<FunctionDefinition["output"]>,
): string {
  const place = exchange ? `${exchange} "${routingKey}"` : routingKey;
  const route = headers ? `${place}, with headers ${pairs(headers).join(", ")}` : place;
  return event ? `${route}, as CloudEvent ${event.type} (${event.mode ?? "binary"})` : route;
}

function pairs(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).map(([key, value]) => `${key}=${value}`);
}
