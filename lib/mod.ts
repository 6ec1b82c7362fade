/**
 * What a function may import, as `warren`: the types of its handler and its
 * configuration, and the two errors that choose what becomes of a message.
 *
 * @example
 * ```ts
 * import type { FunctionConfig, Handler } from "warren";
 *
 * export const config = { concurrency: 5, timeout: "10s" } satisfies FunctionConfig;
 *
 * const greet: Handler<{ name: string }> = (message, context) => {
 *   context.log.info(`hello ${message.body.name}`);
 * };
 * export default greet;
 * ```
 * @module
 */

export type { Kept, OnceClaim, OnceStore } from "./invocation/once_store.ts";

/** Milliseconds, or a number and a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"1d"`. */
export type Duration = number | string;

/** The properties of an AMQP 0-9-1 message, without its headers. */
export interface MessageProperties {
  contentType?: string;
  contentEncoding?: string;
  /** 1 is transient, 2 is persistent. */
  deliveryMode?: number;
  /** 0 to 255. */
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  /** Milliseconds, as a string. */
  expiration?: string;
  messageId?: string;
  /** Absent too where it is beyond the range of a `Date`. */
  timestamp?: Date;
  type?: string;
  userId?: string;
  appId?: string;
}

/** One message, as the handler sees it. */
export interface Message<Body = unknown> {
  /**
   * The body, decoded by its content type: JSON for `application/json` and
   * `*+json`, a string for `text/*`, XML and YAML, an object for a form, a string
   * without a content type when the bytes are valid UTF-8, and a `Uint8Array`
   * otherwise. `gzip`, `deflate`, `br` and `zstd` are inflated first.
   */
  readonly body: Body;
  /** The bytes as they were delivered, before inflating and decoding. */
  readonly raw: Uint8Array;
  /** The headers that the publisher set, and Warren's own. Integers beyond 2^53 are bigints. */
  readonly headers: Record<string, unknown>;
  readonly properties: MessageProperties;
  /** The exchange and the routing key that the message was first published with. */
  readonly exchange: string;
  readonly routingKey: string;
  /** The broker delivered it before, to a consumer that did not settle it. */
  readonly redelivered: boolean;
  /** 1 on the first run, 2 on the first retry. */
  readonly attempt: number;
  /** The attributes of the event, where the function's `envelope` is `"cloudevents"`; `body` is its data then. */
  readonly event?: CloudEvent;
}

/**
 * The attributes of a CloudEvent, version 1.0 (https://cloudevents.io), extensions among them, whether the message had
 * them in its headers or in its body. Timestamps are texts of RFC 3339.
 */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** With `source` it tells one event from all others: an event that comes twice has the same. */
  readonly id: string;
  /** A URI reference. */
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time?: string;
  /** The content type of the data. */
  readonly datacontenttype?: string;
  /** A URI. */
  readonly dataschema?: string;
  readonly [extension: string]: string | number | boolean | undefined;
}

/** A message of a function whose `envelope` is `"cloudevents"`. */
export interface EventMessage<Data = unknown> extends Message<Data> {
  readonly event: CloudEvent;
}

/** The default export of a function whose `envelope` is `"cloudevents"`. */
export type EventHandler<Data = unknown, Result = unknown> = (
  message: EventMessage<Data>,
  context: Context,
) => Result | Promise<Result>;

/** A line in the runner's log, with the function and the message in its fields. */
export interface ContextLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Where and how `context.publish()` publishes. */
export interface PublishOptions extends MessageProperties {
  /** @default "" (the default exchange: the routing key names a queue) */
  exchange?: string;
  routingKey: string;
  headers?: Record<string, unknown>;
  /** Holds the message back, in the broker, before it is in its queue; only for the default exchange. @default 0 */
  delay?: Duration;
  /** Publishes the body as the data of a CloudEvent. @default it is no event */
  event?: EventOptions;
}

/**
 * The attributes of an event that is published. Names of extensions are lower-case letters and digits, values are
 * texts, booleans, whole numbers of 32 bits, or dates. The `event` of a message fits, to pass it on as it is.
 */
export interface EventOptions {
  /** What happened: `com.example.order.created`. */
  type: string;
  /** A URI reference. @default "/functions/<name>" */
  source?: string;
  /** @default the message id, which is the same with each attempt */
  id?: string;
  /** @default now */
  time?: string | Date;
  subject?: string;
  /** A URI. */
  dataschema?: string;
  /**
   * `"binary"` has the attributes in headers and the data in the body, `"structured"` has all of it in the body, as
   * JSON. @default "binary"
   */
  mode?: "binary" | "structured";
  [extension: string]: string | number | boolean | Date | undefined;
}

/** What a handler may use while it runs. */
export interface Context {
  /** Aborted at the time limit, and when the runner stops before the handler is done. */
  readonly signal: AbortSignal;
  readonly log: ContextLog;
  /** 1 on the first run, 2 on the first retry. */
  readonly attempt: number;
  /** When the time limit ends this invocation. */
  readonly deadline: Date;
  /**
   * Publishes a message when the handler has succeeded, and not when it fails: persistent by default, confirmed and
   * mandatory, before the handler's own message is acked. A `Uint8Array` is sent as it is, a string as text,
   * anything else as JSON. What no queue takes makes the invocation a failed one.
   */
  publish(body: unknown, options: PublishOptions): Promise<void>;
  /**
   * Runs an effect once for a key of the function's own, in whatever attempt, process or runner: resolves with what it
   * returned, now or the first time, as a copy in JSON. Of calls with the same key one runs, and the others wait for it.
   * What it throws is thrown here, and it may run again. It runs again too where its process or its runner ends before
   * it is recorded that it ran: give the key to whom it calls, if they take one.
   *
   * Rejects with a `TypeError` or a `RangeError` where the effect returned what is no JSON, or more than 64 KB of it: it
   * has run, and each later call says the same. Rejects with an `OnceError` where the store cannot be used.
   *
   * @param key 1 to 512 characters
   *
   * @example
   * ```ts
   * import type { Handler } from "warren";
   *
   * const welcome: Handler<{ user: string }> = async ({ body }, context) => {
   *   const sent = await context.once(`welcome/${body.user}`, () => ({ at: new Date().toISOString() }));
   *   context.log.info("welcomed", sent);
   * };
   * export default welcome;
   * ```
   */
  once<T>(key: string, effect: () => T | Promise<T>): Promise<T>;
  /** With the message's id as the key. Rejects with a `TypeError` where it has none, and in a batch. */
  once<T>(effect: () => T | Promise<T>): Promise<T>;
}

/** The default export of a function. Returning settles the message, throwing retries it. */
export type Handler<Body = unknown, Result = unknown> = (
  message: Message<Body>,
  context: Context,
) => Result | Promise<Result>;

/** A schema of any library that speaks Standard Schema (https://standardschema.dev): zod, valibot, arktype and others. */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: the value as it is to be used, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The type of what a schema lets through, for the handler of a function that exports it as `input`.
 *
 * @example
 * ```ts ignore
 * export const input = z.object({ email: z.email() });
 * const handler: Handler<Input<typeof input>> = (message) => void message.body.email;
 * export default handler;
 * ```
 */
export type Input<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"];

/** One message of a batch. The first word that is said of it counts; without one it follows the handler. */
export interface BatchMessage<Body = unknown> extends Message<Body> {
  /** It is done, with a result where somebody wants one. */
  ack(result?: unknown): void;
  /** It is tried again: after `delay`, or as the function's `retry` says. */
  retry(options?: { delay?: Duration; reason?: string }): void;
  /** It goes to the dead letters. */
  reject(reason?: string): void;
  /** Publishes when this message is done: see `Context.publish()`. */
  publish(body: unknown, options: PublishOptions): Promise<void>;
  /** Runs an effect once for a key: see `Context.once()`. */
  once<T>(key: string, effect: () => T | Promise<T>): Promise<T>;
  /** With this message's id as the key. */
  once<T>(effect: () => T | Promise<T>): Promise<T>;
}

/** The default export of a function with `batch`. */
export type BatchHandler<Body = unknown> = (
  messages: readonly BatchMessage<Body>[],
  context: Context,
) => unknown | Promise<unknown>;

/** When a message is tried again after its handler failed. */
export interface RetryConfig {
  /** How often the handler runs for one message, the first time included; 0 and 1 are no retry. @default 5 */
  attempts?: number;
  /** Before the second attempt. @default "1s" */
  delay?: Duration;
  /** No delay grows past this. @default "1h" */
  maxDelay?: Duration;
  /** Each delay is this many times the one before. @default 2 */
  multiplier?: number;
  /** Each delay is spread by up to this fraction of itself, 0 to 1. @default 0.1 */
  jitter?: number;
}

/** The queue of a function. */
export interface QueueConfig {
  /** @default the function's name */
  name?: string;
  /**
   * A quorum queue has copies on several nodes of a RabbitMQ cluster, and counts how often a message came back.
   *
   * @default the option QUEUE_TYPE; without it, what the broker makes of a queue that names no type
   */
  type?: "classic" | "quorum";
  /** @default true */
  durable?: boolean;
  /** @default false */
  autoDelete?: boolean;
  /** `x-…` arguments, as the broker takes them. @default {} */
  arguments?: Record<string, string | number | boolean>;
}

/** One binding of the function's queue. The exchange is declared, durable, if it is not there. */
export interface BindingConfig {
  exchange: string;
  /** `direct`, `fanout`, `topic` or `headers`. @default "topic" */
  type?: "direct" | "fanout" | "topic" | "headers";
  /** @default "" */
  routingKey?: string;
  /** @default {} */
  arguments?: Record<string, string | number | boolean>;
}

/**
 * When a function stops taking messages because what it depends on is down. After the cool-down it takes one message:
 * when that completes, it goes on. Only `failed`, `timedOut` and `crashed` count as errors.
 */
export interface KillSwitchConfig {
  /** How far it looks back. @default "1m" */
  window?: Duration;
  /** The share of errors that trips it, above 0 to 1. @default 0.5 */
  errorRate?: number;
  /** Fewer invocations in the window never trip it. @default 20 */
  minimum?: number;
  /** From the trip to the one message. @default "1m" */
  coolDown?: Duration;
}

/** Which messages of a function are handled one after the other, in the order in which they came to its queue. */
export interface OrderConfig {
  /** Messages with the same routing key, or with the same value of a header, are in order. */
  by: "routingKey" | { header: string };
  /** How many queues the keys are spread over: so many runners can share the work. @default 8 */
  partitions?: number;
}

/** Where the results of a function go. */
export interface OutputConfig {
  /** @default "" (the default exchange: the routing key names a queue) */
  exchange?: string;
  routingKey: string;
  /** Publishes the results as CloudEvents: each has an `id` and a `time` of its own. @default they are no events */
  event?: EventOptions & { id?: never; time?: never };
}

/** What a function's process may do, named as Deno's `--allow-…` flags. `true` allows all. */
export interface PermissionsConfig {
  net?: boolean | string[];
  /**
   * Variables by name, or by how they begin: `"SMTP_*"`. One that is not granted reads as absent, with a warning in the
   * log; with `strict` it is an error.
   */
  env?: boolean | string[] | { allow?: boolean | string[]; strict?: boolean };
  read?: boolean | string[];
  write?: boolean | string[];
  run?: boolean | string[];
  sys?: boolean | string[];
  ffi?: boolean | string[];
}

/**
 * The optional export `config` of a function. It is data: an object literal,
 * read from the source without running it.
 */
export interface FunctionConfig {
  /** The queue's name, or the queue. @default the file's path, `orders/created.ts` is `orders.created` */
  queue?: string | QueueConfig;
  /** @default [] */
  bindings?: BindingConfig[];
  /** How many messages run at once in each runner. @default 10 */
  concurrency?: number;
  /** How many unsettled messages the broker sends ahead. @default concurrency */
  prefetch?: number;
  /**
   * Hands several messages to the handler at once: up to `size`, and no later than `wait` after the first one. Then
   * `concurrency` counts batches, and the handler is a `BatchHandler`. @default one by one
   */
  batch?: { size: number; wait?: Duration };
  /**
   * Keeps messages of one key in order, however many runners there are, while other keys go on in parallel; a retry
   * holds back its own key alone. Not together with `batch`. @default no order
   */
  order?: OrderConfig;
  /** How many may start in a span of time, in each runner. @default no limit */
  rateLimit?: { limit: number; per: Duration };
  /** Pauses the function when too many invocations fail, instead of filling its dead letters. @default never */
  killSwitch?: KillSwitchConfig;
  /** How long one invocation may take. @default "30s" */
  timeout?: Duration;
  /**
   * Runs the function by itself: a cron pattern of five fields, or six with seconds first. However many runners there are,
   * each time runs once; the message's body is `{ scheduled }`, an ISO date.
   */
  schedule?: string | { cron: string; timezone?: string; missed?: "once" | "skip" };
  /** A list has the delay before each retry: `["1s", "1m", "1h"]` is four attempts. */
  retry?: RetryConfig | Duration[];
  /**
   * Where what the handler returns is published: a queue's name, or an exchange and a routing key. `undefined` is
   * not published. @default nowhere
   */
  output?: string | OutputConfig;
  /**
   * `"cloudevents"` takes CloudEvents, binary or structured: `message.body` is the data, `message.event` has the
   * attributes, and what is no event is a dead letter. @default messages are taken as they are
   */
  envelope?: "cloudevents";
  /**
   * `"raw"` gives the handler the bytes as they came, whatever content type and encoding the message says it has: for
   * what Warren does not decode, and for integers beyond 2^53, which JSON rounds. @default "decoded"
   */
  body?: "decoded" | "raw";
  /** What its process may do. @default {} (nothing) */
  permissions?: PermissionsConfig;
  /**
   * `"inline"` runs it in the runner's own process: with all that the runner may do, without a memory limit, and
   * with a time limit that cannot stop it. @default "process"
   */
  isolation?: "process" | "inline";
  /** How much memory each of its processes may take: bytes, or `"256MB"`. @default "512MB" */
  memory?: number | string;
  /** How many processes it may have in each runner; messages run side by side in each. @default 1 */
  instances?: number;
  /** How long a process stays without work. @default "5m" */
  idle?: Duration;
  /** Starts a process with the runner, instead of with the first message. @default false */
  warm?: boolean;
  /**
   * Where `context.publish()` may publish: everywhere, nowhere, or a list of routes. A route is a routing key of the
   * default exchange, which is a queue's name, or `exchange/routing.key`; in the key `*` is one word and `#` any number of
   * them. @default true
   */
  publish?: boolean | string[];
  /** @default true */
  enabled?: boolean;
}

/** Thrown by a handler: do not try again, put the message with the dead letters. */
export class Reject extends Error {
  override name = "Reject";
}

/** Thrown by a handler: try again after `delay`, whatever the function's `retry` says of it. */
export class Retry extends Error {
  override name = "Retry";
  readonly delay: Duration | undefined;

  constructor(options: { delay?: Duration; message?: string; cause?: unknown } = {}) {
    super(options.message ?? "the handler asked for a retry", { cause: options.cause });
    this.delay = options.delay;
  }
}

/** Gives a handler its types where it is written; returns it unchanged. */
export function defineFunction<Body = unknown, Result = unknown>(
  handler: Handler<Body, Result>,
): Handler<Body, Result> {
  return handler;
}
