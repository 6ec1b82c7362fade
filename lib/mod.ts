/**
 * The module that functions import as `warren`: the types of the handler and the configuration, and the errors `Reject`
 * and `Retry`, which control what happens to a failed message.
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

/** Milliseconds, or text with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"1d"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** The properties of an AMQP 0-9-1 message, without the headers. */
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
  /** Also absent if the value is outside the range of a `Date`. */
  timestamp?: Date;
  type?: string;
  userId?: string;
  appId?: string;
}

/** The message that a handler receives. */
export interface Message<Body = unknown> {
  /**
   * The body, decompressed (`gzip`, `deflate`, `br`, `zstd`) and decoded by its content type:
   *
   * - `application/json` and `*+json`: the parsed JSON
   * - `text/*`, XML, YAML and other text formats: a string
   * - `application/x-www-form-urlencoded`: an object
   * - no content type: a string if the bytes are valid UTF-8, otherwise a `Uint8Array`
   * - any other content type: a `Uint8Array`
   */
  readonly body: Body;
  /** The bytes as delivered, before decompressing and decoding. */
  readonly raw: Uint8Array;
  /** The publisher's headers, and those that Warren adds. Integers above 2^53 are bigints. */
  readonly headers: Record<string, unknown>;
  readonly properties: MessageProperties;
  /** The exchange to which the message was first published. Retries and redriven messages keep it. */
  readonly exchange: string;
  /** The routing key with which the message was first published. */
  readonly routingKey: string;
  /** `true` if the broker delivered the message before, to a consumer that did not settle it. */
  readonly redelivered: boolean;
  /** 1 on the first run, 2 on the first retry. */
  readonly attempt: number;
  /** If the function's `envelope` is `"cloudevents"`: the attributes of the event. `body` is then its data. */
  readonly event?: CloudEvent;
}

/**
 * The attributes of a CloudEvent 1.0 (https://cloudevents.io), including extensions. It makes no difference whether
 * the message had them in its headers or in its body. Timestamps are RFC 3339 strings.
 */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** Together with `source` it identifies the event. An event that arrives twice has the same `id` and `source`. */
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

/** Writes to the runner's log. Each line includes the function and the message id. */
export interface ContextLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Options of `context.publish()`: the route, and the properties of the message. */
export interface PublishOptions extends MessageProperties {
  /** @default "" (the default exchange: the routing key names a queue) */
  exchange?: string;
  /** On the default exchange, the name of a queue. */
  routingKey: string;
  /** A bigint is sent as a 64-bit integer. @default {} */
  headers?: Record<string, unknown>;
  /** Holds the message back in the broker for this long. Works only with the default exchange. @default 0 */
  delay?: Duration;
  /** Publishes the body as the data of a CloudEvent with these attributes. @default not a CloudEvent */
  event?: EventOptions;
}

/**
 * The attributes of a CloudEvent to publish. The names of extensions consist of lower-case letters and digits; values
 * are strings, booleans, 32-bit integers or dates. To pass an event on unchanged, use the `event` of a message.
 */
export interface EventOptions {
  /** The type of the event, such as `com.example.order.created`. */
  type: string;
  /** A URI reference. @default "/functions/<name>" */
  source?: string;
  /** @default the message id, which is the same in each attempt */
  id?: string;
  /** @default now */
  time?: string | Date;
  subject?: string;
  /** A URI. */
  dataschema?: string;
  /**
   * `"binary"` puts the attributes into headers and the data into the body. `"structured"` puts everything into the
   * body, as JSON. @default "binary"
   */
  mode?: "binary" | "structured";
  [extension: string]: string | number | boolean | Date | undefined;
}

/** What a handler can use while it runs. */
export interface Context {
  /** Aborts at the time limit, and if the runner stops before the handler is done. */
  readonly signal: AbortSignal;
  /** Writes lines to the runner's log. */
  readonly log: ContextLog;
  /** 1 on the first run, 2 on the first retry. */
  readonly attempt: number;
  /** The time at which the time limit ends this invocation. */
  readonly deadline: Date;
  /**
   * Publishes a message after the handler has succeeded. If the handler fails, nothing is published.
   *
   * The message is persistent by default. It is published as mandatory and with a confirm, before the handled message
   * is acked. If no queue takes it, the invocation fails.
   *
   * @param body a `Uint8Array` is sent as it is, a string as text, anything else as JSON
   */
  publish(body: unknown, options: PublishOptions): Promise<void>;
  /**
   * Runs a side effect once per key, across all attempts, processes and runners of the function. Resolves with what
   * the effect returned, now or the first time, as a copy that went through JSON. Of several calls with the same key
   * one runs, and the others wait for it.
   *
   * If the effect throws, the error is thrown here, and the effect may run again. It also runs again if its process
   * or runner ends before the result is recorded. So pass the key to the called service, if it accepts one.
   *
   * Rejects with a `TypeError` or a `RangeError` if the returned value is not JSON or is larger than 64 KB. The
   * effect has run then, and every later call rejects in the same way. Rejects with an `OnceError` if the store
   * cannot be used.
   *
   * @param key 1 to 512 characters; other functions with the same key are not affected
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
  /** Uses the message id as the key. Rejects with a `TypeError` if the message has no id, and in a batch. */
  once<T>(effect: () => T | Promise<T>): Promise<T>;
  /**
   * Says how far the handler is, to whoever follows the message with `GET /messages/:id/events`. Of values that come
   * faster than ten a second only the latest is sent, and nothing is sent where nobody follows.
   *
   * @param value anything that is JSON, of at most 16 KB
   * @throws {TypeError} if the value is not JSON, and in a batch: use the message's own `progress()` there
   * @throws {RangeError} if it is too large
   *
   * @example
   * ```ts
   * import type { Handler } from "warren";
   *
   * const importAll: Handler<{ rows: string[] }> = ({ body: { rows } }, context) => {
   *   for (const [index] of rows.entries()) context.progress({ done: index + 1, of: rows.length });
   * };
   * export default importAll;
   * ```
   */
  progress(value: Json): void;
}

/** What JSON can represent. Fields that are undefined are left out. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * The default export of a function. If it returns, the message is acknowledged. If it throws, the message is retried.
 */
export type Handler<Body = unknown, Result = unknown> = (
  message: Message<Body>,
  context: Context,
) => Result | Promise<Result>;

/**
 * A schema of any library that implements Standard Schema (https://standardschema.dev): zod, valibot, arktype and
 * others.
 */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
    /**
     * The extension Standard JSON Schema (https://standardschema.dev/json-schema). Warren uses it to show which bodies the
     * function takes.
     */
    readonly jsonSchema?: { input(options: { readonly target: "draft-2020-12" }): Record<string, unknown> } | undefined;
  };
}

/** The result of a validation: the parsed value, or the issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One problem that a schema found in a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The type of the parsed value of a schema, for the handler of a function that exports the schema as `input`.
 *
 * @example
 * ```ts ignore
 * export const input = z.object({ email: z.email() });
 * const handler: Handler<Input<typeof input>> = (message) => void message.body.email;
 * export default handler;
 * ```
 */
export type Input<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"];

/**
 * One message of a batch. The first call of `ack()`, `retry()` or `reject()` wins. Without a call, the message is
 * acknowledged if the handler returns and retried if it throws.
 */
export interface BatchMessage<Body = unknown> extends Message<Body> {
  /** Acknowledges the message. The result goes to the function's `output` and to `replyTo`, if there are any. */
  ack(result?: unknown): void;
  /** Retries the message after `delay`, or after the delay that the function's `retry` gives. */
  retry(options?: { delay?: Duration; reason?: string }): void;
  /** Sends the message to the dead letters. */
  reject(reason?: string): void;
  /** Publishes a message after this one has completed: see `Context.publish()`. */
  publish(body: unknown, options: PublishOptions): Promise<void>;
  /** Runs a side effect once per key: see `Context.once()`. */
  once<T>(key: string, effect: () => T | Promise<T>): Promise<T>;
  /** Uses this message's id as the key. */
  once<T>(effect: () => T | Promise<T>): Promise<T>;
  /** Says how far this message is: see `Context.progress()`. */
  progress(value: Json): void;
}

/** The default export of a function with `batch`. */
export type BatchHandler<Body = unknown> = (
  messages: readonly BatchMessage<Body>[],
  context: Context,
) => unknown | Promise<unknown>;

/** How often, and after which delays, a failed message is retried. */
export interface RetryConfig {
  /** The maximum number of runs per message, including the first one. 0 and 1 mean no retry. @default 5 */
  attempts?: number;
  /** The delay before the second attempt. @default "1s" */
  delay?: Duration;
  /** The maximum delay. @default "1h" */
  maxDelay?: Duration;
  /** The factor between one delay and the next. @default 2 */
  multiplier?: number;
  /** The maximum random deviation of a delay, as a fraction of it, 0 to 1. @default 0.1 */
  jitter?: number;
}

/** The queue of a function. */
export interface QueueConfig {
  /** @default the function's name */
  name?: string;
  /**
   * A quorum queue has copies on several nodes of a RabbitMQ cluster, and counts how many times a message was
   * returned.
   *
   * @default the option QUEUE_TYPE; without it, the broker's default
   */
  type?: "classic" | "quorum";
  /** @default true */
  durable?: boolean;
  /** @default false */
  autoDelete?: boolean;
  /** `x-…` arguments of the queue. @default {} */
  arguments?: Record<string, string | number | boolean>;
}

/** One binding of the function's queue. If the exchange does not exist, Warren declares it as durable. */
export interface BindingConfig {
  exchange: string;
  /** The type of the exchange. @default "topic" */
  type?: "direct" | "fanout" | "topic" | "headers";
  /** @default "" */
  routingKey?: string;
  /** @default {} */
  arguments?: Record<string, string | number | boolean>;
}

/**
 * Pauses a function when too many invocations fail, for example because a dependency is down. After the cool-down,
 * the function takes one message. If that message completes, the function continues. Only `failed`, `timedOut` and
 * `crashed` count as errors.
 */
export interface KillSwitchConfig {
  /** The period over which invocations are counted. @default "1m" */
  window?: Duration;
  /** The share of errors that pauses the function: more than 0, at most 1. @default 0.5 */
  errorRate?: number;
  /** The number of invocations in the window below which the function is never paused. @default 20 */
  minimum?: number;
  /** The time between the pause and the one message. @default "1m" */
  coolDown?: Duration;
}

/** Handles messages with the same key one after the other, in the order in which they arrived in the queue. */
export interface OrderConfig {
  /**
   * The key: the routing key, the value of a header, or a value in the body, as in `{ body: "customer.id" }`. Messages
   * without the header or the value share one key.
   */
  by: "routingKey" | { header: string } | { body: string };
  /** How many queues the keys are spread over, and so how many runners can share the work. @default 8 */
  partitions?: number;
}

/** Where the return value of a function is published. */
export interface OutputConfig {
  /** @default "" (the default exchange: the routing key names a queue) */
  exchange?: string;
  routingKey: string;
  /** Headers of the published message. @default {} */
  headers?: Record<string, string | number | boolean>;
  /** Publishes the return value as a CloudEvent. Warren sets `id` and `time`. @default not a CloudEvent */
  event?: EventOptions & { id?: never; time?: never };
}

/** How a function is reached over HTTP, beside `POST /functions/:name`. */
export interface HttpConfig {
  /**
   * A path of the HTTP API that belongs to the function, as in `/hooks/stripe`. A request becomes a message: its body is
   * `message.raw`, byte for byte, and its headers `http-method` and `http-query` are there too.
   *
   * @default none
   */
  path?: string;
  /** The methods that the path accepts. @default ["POST"] */
  methods?: ("GET" | "POST" | "PUT" | "PATCH" | "DELETE")[];
  /** `true` lets requests to the path in without `API_TOKEN`. The function must then check who sent them. @default false */
  public?: boolean;
  /**
   * Request headers that become headers of the message, also of `POST /functions/:name`. Their names are in lower case
   * there.
   *
   * @default []
   */
  headers?: string[];
  /** The origins whose pages may send requests (CORS), as in `https://shop.example.com`; `"*"` is all. @default [] */
  origins?: string[];
  /**
   * `true` lets those whom `public` and `origins` let in follow the function's messages, too:
   * `GET /messages/:id/events?function=NAME`. Anybody who knows the id can then see the result, so use random ids.
   *
   * @default false
   */
  events?: boolean;
  /** The largest body: bytes, or text like `"1MB"`. @default the option MAX_BODY */
  maxBody?: number | string;
}

/** The permissions of a function's process, named as Deno's `--allow-…` flags. `true` allows everything. */
export interface PermissionsConfig {
  net?: boolean | string[];
  /**
   * Names of environment variables, or prefixes such as `"SMTP_*"`. If the function reads a variable that is not
   * granted, the variable is absent and a warning is logged. With `strict` it is an error.
   */
  env?: boolean | string[] | { allow?: boolean | string[]; strict?: boolean };
  read?: boolean | string[];
  write?: boolean | string[];
  run?: boolean | string[];
  sys?: boolean | string[];
  ffi?: boolean | string[];
}

/**
 * The optional export `config` of a function. It is data: an object literal that Warren reads from the source without
 * running it.
 */
export interface FunctionConfig {
  /**
   * The name of the queue, or its full configuration.
   *
   * @default the file's path: `orders/created.ts` is `orders.created`
   */
  queue?: string | QueueConfig;
  /** Bindings of the queue to exchanges. @default [] */
  bindings?: BindingConfig[];
  /** How many messages run at once in each runner. @default 10 */
  concurrency?: number;
  /** How many unacknowledged messages the broker sends ahead. @default concurrency */
  prefetch?: number;
  /**
   * Passes several messages to the handler at once: up to `size`, at most `wait` after the first one. `concurrency`
   * then counts batches, and the handler is a `BatchHandler`. @default one message at a time
   */
  batch?: { size: number; wait?: Duration };
  /**
   * Handles messages with the same key in order, however many runners there are. Other keys run in parallel, and a
   * retry holds back only its own key. Cannot be combined with `batch`. @default no order
   */
  order?: OrderConfig;
  /** How many invocations may start per period, in each runner. @default no limit */
  rateLimit?: { limit: number; per: Duration };
  /** Pauses the function when too many invocations fail, so that messages stay in the queue. @default never */
  killSwitch?: KillSwitchConfig;
  /** The time limit of one invocation; at most 25 minutes. @default "30s" */
  timeout?: Duration;
  /**
   * Runs the function on a schedule: a cron pattern with five fields, or six with seconds first. Each scheduled time
   * runs once, however many runners there are. The body of the message is `{ scheduled }`, an ISO date.
   *
   * @default no schedule
   */
  schedule?: string | { cron: string; timezone?: string; missed?: "once" | "skip" };
  /**
   * How failed messages are retried. A list contains the delay before each retry: `["1s", "1m", "1h"]` is four
   * attempts.
   */
  retry?: RetryConfig | Duration[];
  /**
   * Where the return value of the handler is published: the name of a queue, or an exchange and a routing key.
   * `undefined` is not published. @default nowhere
   */
  output?: string | OutputConfig;
  /**
   * The name of a queue, as in `"alerts"`, which gets a copy of each of the function's dead letters, once: the same body,
   * and the dead letter's headers with the reason and the error. What such a copy gives rise to is never sent on.
   *
   * @default nowhere
   */
  onDead?: string;
  /**
   * Acknowledges a message without running it if one with the same id was handled successfully within this time, on any
   * runner that shares the store of `once()`. Messages without an id run. @default all messages run
   */
  dedupe?: Duration;
  /**
   * `"cloudevents"` accepts only CloudEvents, binary or structured. `message.body` is the data, and `message.event`
   * contains the attributes. Any other message becomes a dead letter. @default messages need no envelope
   */
  envelope?: "cloudevents";
  /**
   * `"raw"` passes the bytes to the handler as they came, whatever the content type and encoding. Use it for formats
   * that Warren does not decode, and for integers above 2^53, which `JSON.parse()` rounds. @default "decoded"
   */
  body?: "decoded" | "raw";
  /** The permissions of the function's process. @default {} (none) */
  permissions?: PermissionsConfig;
  /**
   * `"inline"` runs the function in the runner's own process: with all permissions of the runner, without a memory
   * limit, and with a time limit that cannot stop it. @default "process"
   */
  isolation?: "process" | "inline";
  /** The memory limit of each of its processes: bytes, or text like `"256MB"`. @default "512MB" */
  memory?: number | string;
  /** The maximum number of processes in each runner. Each process runs several messages at once. @default 1 */
  instances?: number;
  /** How long a process stays alive without work. @default "5m" */
  idle?: Duration;
  /** Starts a process together with the runner instead of with the first message. @default false */
  warm?: boolean;
  /**
   * Where `context.publish()` may publish: everywhere, nowhere, or a list of routes. A route is the name of a queue
   * (on the default exchange), or `exchange/routing.key`. In the key, `*` matches one word and `#` any number of
   * words.
   * @default true
   */
  publish?: boolean | string[];
  /** Webhooks and browsers: a path of its own, headers, origins. @default `POST /functions/:name` alone */
  http?: HttpConfig;
  /** `false` turns the function off: its queue is not consumed. @default true */
  enabled?: boolean;
}

/** Throw it to send the message to the dead letters without a retry. */
export class Reject extends Error {
  override name = "Reject";
}

/**
 * Throw it to set the delay before the next attempt. The `attempts` and `maxDelay` of the function's `retry` still
 * apply.
 */
export class Retry extends Error {
  override name = "Retry";
  readonly delay: Duration | undefined;

  constructor(options: { delay?: Duration; message?: string; cause?: unknown } = {}) {
    super(options.message ?? "the handler asked for a retry", { cause: options.cause });
    this.delay = options.delay;
  }
}

/** What `defineFunction()` takes. */
export interface FunctionParts<Schema extends StandardSchema, H, Config extends FunctionConfig = FunctionConfig> {
  /** Checks the body of each message, and gives the handler its type. */
  input?: Schema;
  /** An object literal: Warren reads it without running the module. @default {} */
  config?: Config;
  handler: H;
}

/** A handler, with the parts that `defineFunction()` was given beside it. */
export type DefinedFunction<H> = H & { readonly input?: StandardSchema; readonly config?: FunctionConfig };

/** Any body, for functions without an `input`. */
type AnySchema = StandardSchema<unknown>;

/**
 * Defines a function: `input`, `config` and `handler` in one object. The handler's body has the type that `input` gives,
 * and what it returns is inferred. Given a handler alone, it returns the handler unchanged.
 *
 * Use it as the default export. A module that exports `input`, `config` and a handler is the same function.
 *
 * @example
 * ```ts ignore
 * import { defineFunction } from "warren";
 * import { z } from "zod";
 *
 * export default defineFunction({
 *   input: z.object({ email: z.email() }),
 *   config: { timeout: "10s" },
 *   handler: ({ body }, context) => context.log.info(`welcome ${body.email}`),
 * });
 * ```
 */
export function defineFunction<Body = unknown, Result = unknown>(
  handler: Handler<Body, Result>,
): Handler<Body, Result>;
export function defineFunction<Schema extends StandardSchema>(
  parts: FunctionParts<Schema, BatchHandler<Input<Schema>>, FunctionConfig & { batch: object }> & {
    input: Schema;
    config: object;
  },
): DefinedFunction<BatchHandler<Input<Schema>>>;
export function defineFunction<Schema extends StandardSchema, Result>(
  parts: FunctionParts<Schema, EventHandler<Input<Schema>, Result>, FunctionConfig & { envelope: string }> & {
    input: Schema;
    config: object;
  },
): DefinedFunction<EventHandler<Input<Schema>, Result>>;
export function defineFunction<Schema extends StandardSchema, Result>(
  parts: FunctionParts<Schema, Handler<Input<Schema>, Result>> & { input: Schema },
): DefinedFunction<Handler<Input<Schema>, Result>>;
export function defineFunction<Body = unknown>(
  parts: FunctionParts<AnySchema, BatchHandler<Body>, FunctionConfig & { batch: object }> & { config: object },
): DefinedFunction<BatchHandler<Body>>;
export function defineFunction<Body = unknown, Result = unknown>(
  parts: FunctionParts<AnySchema, Handler<Body, Result>>,
): DefinedFunction<Handler<Body, Result>>;
export function defineFunction(given: unknown): unknown {
  if (typeof given === "function") return given;
  const { handler, ...parts } = given as { handler: (...args: unknown[]) => unknown };
  return Object.assign((...args: unknown[]) => handler(...args), parts);
}
