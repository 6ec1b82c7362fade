import type { InputSchema } from "../invocation/content/input_schema.ts";
import type { DeadLetterBox } from "../invocation/dead_letters/dead_letter_box.ts";
import type {
  BindingDefinition,
  Envelope,
  Isolation,
  Order,
  RetryPolicy,
} from "../invocation/definition/definition.ts";
import type { HttpEndpoint } from "../invocation/definition/http_endpoint.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Schedule } from "../invocation/definition/schedule.ts";
import type { Depth } from "../invocation/insight/depth.ts";
import type { OutcomeCounts } from "../invocation/outcome.ts";

/** Whether the runner can do its work, and if not, why. */
export interface Readiness {
  ready: boolean;
  /** A check with `required: false` does not affect readiness. `required` is left out for those that do. */
  checks: { name: string; ok: boolean; required?: boolean; detail?: string }[];
}

/** The state of a function. */
export type FunctionState = "starting" | "serving" | "unavailable" | "broken" | "paused" | "disabled" | "draining";

/** A function, as the API shows it. Durations are in milliseconds. */
export interface FunctionView {
  name: string;
  file: string;
  state: FunctionState;
  /** Why it does not serve, or why its newest version is refused. */
  error?: string;
  version?: string;
  /** Whether this version's module has been loaded. The first message loads it unless the function is warm. */
  loaded?: boolean;
  queue?: string;
  deadLetterQueue?: string;
  bindings?: readonly BindingDefinition[];
  /** The format that its messages must have. */
  envelope?: Envelope;
  /** Which of its messages are handled in order. */
  order?: Order;
  /** How it is reached over HTTP, beside `POST /functions/:name`. */
  http?: HttpEndpoint;
  concurrency?: number;
  prefetch?: number;
  timeout?: number;
  retry?: RetryPolicy;
  isolation?: Isolation;
  /** Memory limit of a process, in bytes. */
  memory?: number;
  instances?: number;
  /** Number of its processes in this runner. */
  processes?: number;
  /** Number of invocations that run or wait for a free slot in this runner. */
  running: number;
  /** Counts of outcomes in this runner since the start. */
  counts: OutcomeCounts;
  /** Messages that `dedupe` refused, if the function has it. */
  duplicates?: number;
}

/** Of its configuration, what only the page of one function shows. */
type Configuration = Pick<
  FunctionDefinition,
  | "enabled"
  | "body"
  | "validates"
  | "batch"
  | "rateLimit"
  | "killSwitch"
  | "output"
  | "onDead"
  | "dedupe"
  | "publish"
  | "permissions"
  | "strictEnv"
  | "idle"
  | "warm"
>;

/** A function with its whole configuration, as far as its file can be read. Durations are in milliseconds. */
export interface FunctionDetail extends FunctionView, Partial<Configuration> {
  /** The JSON schema of its bodies, if this runner has loaded it and its `input` gives one. */
  input?: InputSchema;
  /** How its queue is declared. */
  queueOptions?: Omit<FunctionDefinition["queue"], "name">;
  /** When it runs by itself; `next` is ISO 8601. */
  schedule?: Schedule & { readonly next: string | undefined };
  /** Where its messages are; absent while the broker does not answer. */
  depth?: Depth;
}

/** A message from an HTTP request. */
export interface PublishRequest {
  body: Uint8Array;
  messageId: string;
  contentType?: string;
  contentEncoding?: string;
  headers?: Record<string, string>;
  /** 0 to 255. */
  priority?: number;
  /** Milliseconds that the broker holds it back. @default 0 */
  delay?: number;
}

/** How long the caller waits for an answer. */
export interface Patience {
  /** Milliseconds. */
  wait: number;
  /** Aborts if the caller disconnects. */
  gone: AbortSignal;
}

/** The answer of a function. */
export interface ReplyView {
  /** `completed`, or the final outcome of the invocation. */
  outcome: string;
  body: Uint8Array;
  contentType: string | undefined;
}

/** This runner, as its HTTP API uses it. What is about all runners is in `OperatorView`. */
export interface RunnerView {
  /** A function with its whole configuration. Undefined if there is no function with that name. */
  detail(name: string): Omit<FunctionDetail, "depth"> | undefined;
  ready(): Readiness;
  functions(): FunctionView[];
  /** Undefined if there is no function with that name. */
  function(name: string): FunctionView | undefined;
  /** The function whose `http.path` this is. */
  endpoint(path: string): FunctionView | undefined;
  /** Where the broker of this machine is; undefined where AMQP_URL names another. */
  localBroker(): { hostname: string; port: number } | undefined;
  /** @throws {WarrenError} `unavailable`, `unroutable` or `refused` */
  publish(name: string, request: PublishRequest): Promise<void>;
  /**
   * Publishes, and waits for the answer. Undefined if none came in time, or the caller disconnected.
   *
   * @throws {WarrenError} `unavailable`, also if the function is or becomes broken, paused or not consuming in this
   * runner and no other runner consumes its queue; `unroutable` or `refused`
   */
  request(name: string, request: PublishRequest, patience: Patience): Promise<ReplyView | undefined>;
  /** @throws {WarrenError} `unavailable` if the function's queue is not known */
  deadLetters(name: string): DeadLetterBox;
}
