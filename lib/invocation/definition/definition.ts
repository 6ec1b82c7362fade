import type { Permissions } from "../../settings/ceiling.ts";
import type { OutputConfig } from "../../mod.ts";
import type { HttpEndpoint } from "./http_endpoint.ts";
import type { Schedule } from "./schedule.ts";

/** Where a function runs: in a process of its own, or in the runner's. */
export type Isolation = "process" | "inline";

/** What messages have to be. */
export type Envelope = "cloudevents";

/** How much of a message's body is undone before its handler gets it. */
export type BodyForm = "decoded" | "raw";

/** The attributes that all results have as events. */
export type OutputEvent = NonNullable<OutputConfig["event"]>;

/** When and how often a message is tried again; durations in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly delay: number;
  readonly maxDelay: number;
  readonly multiplier: number;
  readonly jitter: number;
  /** The delay before each retry, in place of all the others. */
  readonly delays: readonly number[] | undefined;
}

/** A queue as it is declared. */
export interface QueueDefinition {
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/** A binding as it is declared. */
export interface BindingDefinition {
  readonly exchange: string;
  readonly type: string;
  readonly routingKey: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/** What a function keeps in order: messages with the same key, which is the routing key, or a header's value. */
export interface Order {
  /** The header's name; undefined where the routing key is the key. */
  readonly header: string | undefined;
  /** How many queues the keys are spread over. */
  readonly partitions: number;
}

/** One function with every default filled in: all that is known before a line of it runs. */
export interface FunctionDefinition {
  /** The path below the functions folder with dots, without its extension: `orders.created`. */
  readonly name: string;
  /** The module, as an absolute path. */
  readonly file: string;
  /** Changes when the module, or a local module that it imports, changes. */
  readonly version: string;
  /** When it runs by itself. */
  readonly schedule: Schedule | undefined;
  /** Whether it exports an `input`, which bodies must fit. */
  readonly validates: boolean;
  readonly queue: QueueDefinition;
  readonly bindings: readonly BindingDefinition[];
  readonly concurrency: number;
  readonly prefetch: number;
  /** So many messages at once, and no later than `wait` milliseconds after the first. */
  readonly batch: { readonly size: number; readonly wait: number } | undefined;
  /** Which messages are handled one after the other. */
  readonly order: Order | undefined;
  /** Starts in a span of milliseconds, in each runner. */
  readonly rateLimit: { readonly limit: number; readonly per: number } | undefined;
  /** When it stops taking messages, since too many fail; milliseconds. */
  readonly killSwitch:
    | { readonly window: number; readonly errorRate: number; readonly minimum: number; readonly coolDown: number }
    | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly retry: RetryPolicy;
  readonly permissions: Permissions;
  /** Whether an environment variable that is not granted is an error, instead of being absent. */
  readonly strictEnv: boolean;
  readonly isolation: Isolation;
  /** Bytes of a process. */
  readonly memory: number;
  /** Processes at most. */
  readonly instances: number;
  /** Milliseconds without work until a process stops. */
  readonly idle: number;
  /** Whether a process is there before the first message. */
  readonly warm: boolean;
  /** Where its results go. */
  readonly output:
    | { readonly exchange: string; readonly routingKey: string; readonly event?: OutputEvent }
    | undefined;
  /** What its messages have to be; anything where it is undefined. */
  readonly envelope: Envelope | undefined;
  readonly body: BodyForm;
  /** Where it may publish: all, or routes as in publish_rules.ts. */
  readonly publish: boolean | readonly string[];
  /** How it is reached over HTTP; undefined: by `POST /functions/:name` alone. */
  readonly http: HttpEndpoint | undefined;
  readonly enabled: boolean;
}

/** The queue that takes what a function could not handle. */
export function deadLetterQueue(queue: string): string {
  return `${queue}.dead`;
}
