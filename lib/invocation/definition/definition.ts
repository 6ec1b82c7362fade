import type { Permissions } from "../../settings/ceiling.ts";
import type { OutputConfig } from "../../mod.ts";
import type { HttpEndpoint } from "./http_endpoint.ts";
import type { Schedule } from "./schedule.ts";

/** Where a function runs: in its own process, or in the runner's. */
export type Isolation = "process" | "inline";

/** The format that messages must have. */
export type Envelope = "cloudevents";

/** Whether the body is decoded before the handler gets it. */
export type BodyForm = "decoded" | "raw";

/** CloudEvents attributes that apply to all results. */
export type OutputEvent = NonNullable<OutputConfig["event"]>;

/** When and how often a message is retried. Durations are in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly delay: number;
  readonly maxDelay: number;
  readonly multiplier: number;
  readonly jitter: number;
  /** The delay before each retry. Overrides all other delays. */
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

/** The order of a function. Messages with the same key stay in order. By default the key is the routing key. */
export interface Order {
  /** The name of the header that has the key. */
  readonly header: string | undefined;
  /** The names that lead to the key in the body, with dots between them. */
  readonly body?: string;
  /** The number of queues that the keys are distributed over. */
  readonly partitions: number;
}

/** A function's complete definition, with all defaults. It is known before any of the function's code runs. */
export interface FunctionDefinition {
  /** The path below the functions folder, with dots and without its extension: `orders.created`. */
  readonly name: string;
  /** The module's absolute path. */
  readonly file: string;
  /** Changes when the module, or a local module that it imports, changes. */
  readonly version: string;
  /** Runs the function by a schedule. */
  readonly schedule: Schedule | undefined;
  /** Whether it exports an `input` schema, which bodies must match. */
  readonly validates: boolean;
  readonly queue: QueueDefinition;
  readonly bindings: readonly BindingDefinition[];
  readonly concurrency: number;
  readonly prefetch: number;
  /** Handles up to `size` messages at once, at most `wait` milliseconds after the first. */
  readonly batch: { readonly size: number; readonly wait: number } | undefined;
  /** Which messages are handled in order. */
  readonly order: Order | undefined;
  /** Limits starts per time span (milliseconds), in each runner. */
  readonly rateLimit: { readonly limit: number; readonly per: number } | undefined;
  /** Stops taking messages if too many fail. Durations are in milliseconds. */
  readonly killSwitch:
    | { readonly window: number; readonly errorRate: number; readonly minimum: number; readonly coolDown: number }
    | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly retry: RetryPolicy;
  readonly permissions: Permissions;
  /** Whether reading an environment variable that is not granted throws, instead of returning undefined. */
  readonly strictEnv: boolean;
  readonly isolation: Isolation;
  /** Memory limit of a process, in bytes. */
  readonly memory: number;
  /** Maximum number of processes. */
  readonly instances: number;
  /** Milliseconds without work after which a process stops. */
  readonly idle: number;
  /** Whether a process starts before the first message. */
  readonly warm: boolean;
  /** Where its results are published. */
  readonly output:
    | {
      readonly exchange: string;
      readonly routingKey: string;
      readonly headers?: NonNullable<OutputConfig["headers"]>;
      readonly event?: OutputEvent;
    }
    | undefined;
  /** The queue that gets a copy of each of its dead letters. */
  readonly onDead: string | undefined;
  /** Milliseconds for which a message is refused whose id was handled. */
  readonly dedupe: number | undefined;
  /** The format that its messages must have. Undefined means any. */
  readonly envelope: Envelope | undefined;
  readonly body: BodyForm;
  /** Where it may publish: everywhere, or routes as in publish_rules.ts. */
  readonly publish: boolean | readonly string[];
  /** How it is reached over HTTP; undefined: by `POST /functions/:name` alone. */
  readonly http: HttpEndpoint | undefined;
  readonly enabled: boolean;
}

/** The queue for messages that a function could not handle. */
export function deadLetterQueue(queue: string): string {
  return `${queue}.dead`;
}
