import type { DeadLetterBox } from "../invocation/dead_letters/dead_letter_box.ts";
import type {
  BindingDefinition,
  Envelope,
  Isolation,
  Order,
  RetryPolicy,
} from "../invocation/definition/definition.ts";
import type { HttpEndpoint } from "../invocation/definition/http_endpoint.ts";
import type { OutcomeCounts } from "../invocation/outcome.ts";

/** Whether it can do its work, and why not. */
export interface Readiness {
  ready: boolean;
  /** A check that is not `required` does not decide; those that decide leave it out. */
  checks: { name: string; ok: boolean; required?: boolean; detail?: string }[];
}

/** How a function stands. */
export type FunctionState = "starting" | "serving" | "unavailable" | "broken" | "paused" | "disabled" | "draining";

/** A function, as the API shows it. Durations are in milliseconds. */
export interface FunctionView {
  name: string;
  file: string;
  state: FunctionState;
  /** Why it does not serve, or why its newest version does not. */
  error?: string;
  version?: string;
  /** Whether this version's module has been loaded, which the first message does unless the function is warm. */
  loaded?: boolean;
  queue?: string;
  deadLetterQueue?: string;
  bindings?: readonly BindingDefinition[];
  /** What its messages have to be. */
  envelope?: Envelope;
  /** Which of its messages are handled one after the other. */
  order?: Order;
  /** How it is reached over HTTP, beside `POST /functions/:name`. */
  http?: HttpEndpoint;
  concurrency?: number;
  prefetch?: number;
  timeout?: number;
  retry?: RetryPolicy;
  isolation?: Isolation;
  /** Bytes of a process. */
  memory?: number;
  instances?: number;
  /** Processes that are there now, here. */
  processes?: number;
  /** Invocations that run or wait for a free place, here. */
  running: number;
  /** How invocations ended here since the start. */
  counts: OutcomeCounts;
}

/** A message that came by HTTP. */
export interface PublishRequest {
  body: Uint8Array;
  messageId: string;
  contentType?: string;
  contentEncoding?: string;
  headers?: Record<string, string>;
}

/** How long somebody waits for an answer. */
export interface Patience {
  /** Milliseconds. */
  wait: number;
  /** Aborts when nobody waits any more. */
  gone: AbortSignal;
}

/** The answer of a function. */
export interface ReplyView {
  /** `completed`, or how the invocation ended for good. */
  outcome: string;
  body: Uint8Array;
  contentType: string | undefined;
}

/** What the HTTP API needs of the runner. */
export interface RunnerView {
  /** Takes no more messages of a function here; false where it is not bound. */
  pause(name: string): Promise<boolean>;
  /** Takes them again. */
  resume(name: string): boolean;
  ready(): Readiness;
  functions(): FunctionView[];
  /** Undefined where there is none of that name. */
  function(name: string): FunctionView | undefined;
  /** The function whose `http.path` this is. */
  endpoint(path: string): FunctionView | undefined;
  /** Where the broker of this machine is; undefined where AMQP_URL names another. */
  localBroker(): { hostname: string; port: number } | undefined;
  /** @throws {WarrenError} `unavailable`, `unroutable` or `refused` */
  publish(name: string, request: PublishRequest): Promise<void>;
  /**
   * Publishes, and waits for the answer; `undefined` when it did not come in time, or nobody waits any more.
   *
   * @throws {WarrenError} `unavailable`, also when the function is broken, paused or not consuming in this runner, or
   *   becomes so, and no other runner consumes its queue; `unroutable` or `refused`
   */
  request(name: string, request: PublishRequest, patience: Patience): Promise<ReplyView | undefined>;
  /** @throws {WarrenError} `unavailable` when it is not known which queue is the function's */
  deadLetters(name: string): DeadLetterBox;
}
