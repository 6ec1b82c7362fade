import type {
  BindingDefinition,
  FunctionDefinition,
  Order,
  OutputEvent,
  RetryPolicy,
} from "../../../invocation/definition/definition.ts";
import type { HttpEndpoint } from "../../../invocation/definition/http_endpoint.ts";
import type { Depth } from "../../../invocation/insight/depth.ts";
import { noOutcomes, type OutcomeCounts } from "../../../invocation/outcome.ts";
import type { Permissions } from "../../../settings/ceiling.ts";
import type { FunctionDetail, FunctionView, Readiness } from "../../runner_view.ts";
import {
  ANYTHING,
  BOOLEAN,
  choice,
  flag,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  ref,
  type Schema,
  text,
  time,
} from "../schema.ts";

type Given<K extends keyof FunctionDetail> = NonNullable<FunctionDetail[K]>;

const STATES = ["starting", "serving", "unavailable", "broken", "paused", "disabled", "draining"];
const SCALAR = oneOf(text(), { type: "number" }, BOOLEAN);
const ARGUMENTS = map(SCALAR, "Optional arguments, as AMQP has them.");
const PERMISSION = optional(oneOf(BOOLEAN, list(text())));
const OUTCOMES = Object.keys(noOutcomes()) as (keyof OutcomeCounts)[];

const VIEW = {
  name: text("The path below the functions folder, with dots: `orders.created`."),
  file: text(),
  state: choice(STATES),
  error: optional(text("Why it does not serve, or why its newest version is refused.")),
  version: optional(text()),
  loaded: optional(flag("Whether the module of this version is loaded.")),
  queue: optional(text()),
  deadLetterQueue: optional(text()),
  bindings: optional(list(ref("BindingDefinition"))),
  envelope: optional(choice(["cloudevents"])),
  order: optional(ref("Order")),
  http: optional(ref("HttpEndpoint")),
  concurrency: optional(integer()),
  prefetch: optional(integer()),
  timeout: optional(number("Milliseconds.")),
  retry: optional(ref("RetryPolicy")),
  isolation: optional(choice(["process", "inline"])),
  memory: optional(integer("Memory limit of a process, in bytes.")),
  instances: optional(integer("The most processes in a runner.")),
  processes: optional(integer("Its processes in this runner now.")),
  running: integer("Invocations that run, or wait for a free slot, in this runner."),
  counts: ref("OutcomeCounts"),
  duplicates: optional(integer("Messages that `dedupe` refused.")),
};

export const FUNCTION_SCHEMAS: Readonly<Record<string, Schema>> = {
  Readiness: object<Readiness>({
    ready: BOOLEAN,
    checks: list(object<Readiness["checks"][number]>({
      name: text(),
      ok: BOOLEAN,
      required: optional(flag("false: the check does not affect readiness.")),
      detail: optional(text("Only for callers with a token, if there is one.")),
    })),
  }),
  FunctionView: object<FunctionView>(VIEW, "A function in this runner."),
  FunctionDetail: object<FunctionDetail>({
    ...VIEW,
    enabled: optional(BOOLEAN),
    body: optional(choice(["decoded", "raw"])),
    validates: optional(flag("Whether bodies must match its `input` schema.")),
    input: optional(map(ANYTHING, "The JSON schema of its bodies, if the runner has loaded it and `input` gives one.")),
    batch: optional(object<Given<"batch">>({ size: integer(), wait: number("Milliseconds.") })),
    rateLimit: optional(object<Given<"rateLimit">>({ limit: integer(), per: number("Milliseconds.") })),
    killSwitch: optional(object<Given<"killSwitch">>({
      window: number("Milliseconds."),
      errorRate: number("From 0 to 1."),
      minimum: integer(),
      coolDown: number("Milliseconds."),
    })),
    output: optional(object<Given<"output">>({
      exchange: text(),
      routingKey: text(),
      headers: optional(map(SCALAR)),
      event: optional(object<KnownKeys<OutputEvent>>({
        type: text(),
        source: optional(text()),
        subject: optional(text()),
        dataschema: optional(text()),
        mode: optional(choice(["binary", "structured"])),
        id: optional(text()),
        time: optional(text()),
      })),
    })),
    onDead: optional(text("The queue that gets a copy of each dead letter.")),
    dedupe: optional(number("Milliseconds for which a message is refused whose id was handled.")),
    publish: optional(oneOf(BOOLEAN, list(text()))),
    permissions: optional(object<Permissions>({
      net: PERMISSION,
      env: PERMISSION,
      read: PERMISSION,
      write: PERMISSION,
      run: PERMISSION,
      sys: PERMISSION,
      ffi: PERMISSION,
    })),
    strictEnv: optional(BOOLEAN),
    idle: optional(number("Milliseconds without work after which a process ends.")),
    warm: optional(BOOLEAN),
    queueOptions: optional(object<Omit<FunctionDefinition["queue"], "name">>({
      durable: BOOLEAN,
      autoDelete: BOOLEAN,
      arguments: ARGUMENTS,
    })),
    schedule: optional(object<Given<"schedule">>({
      cron: text(),
      timezone: text(),
      missed: choice(["once", "skip"]),
      next: optional(text("The next run.", { format: "date-time" })),
    })),
    depth: optional(ref("Depth")),
  }, "A function in this runner with its whole configuration."),
  BindingDefinition: object<BindingDefinition>({
    exchange: text(),
    type: text(),
    routingKey: text(),
    arguments: ARGUMENTS,
  }),
  Order: object<Order>({
    header: optional(text("The header that has the key.")),
    body: optional(text("The place of the key in the body, as in `order.id`.")),
    partitions: integer(),
  }),
  HttpEndpoint: object<HttpEndpoint>({
    path: optional(text()),
    methods: list(text()),
    public: BOOLEAN,
    headers: list(text()),
    origins: list(text()),
    events: flag("Whether those whom `public` and `origins` let in may follow its messages."),
    maxBody: integer("Bytes. 0: as large as the HTTP API accepts."),
  }),
  RetryPolicy: object<RetryPolicy>({
    attempts: integer(),
    delay: number("Milliseconds."),
    maxDelay: number("Milliseconds."),
    multiplier: number(),
    jitter: number(),
    delays: optional(list(number("Milliseconds."))),
  }),
  OutcomeCounts: object<OutcomeCounts>(
    Object.fromEntries(OUTCOMES.map((kind) => [kind, integer()])) as Record<keyof OutcomeCounts, Schema>,
    "Outcomes in this runner since its start.",
  ),
  Depth: object<Depth>({
    function: text(),
    queue: text(),
    ready: optional(integer("Messages that wait in the queue.")),
    unacknowledged: optional(integer("Messages that are with a consumer.")),
    retrying: optional(integer("Messages that wait for their next attempt, or for their delay.")),
    retryingAtMost: optional(integer("Messages in the retry queues of its policy, those of other functions included.")),
    dead: optional(integer()),
    oldest: optional(number("Milliseconds since the oldest waiting message was published; 0 where none waits.")),
    consumers: optional(integer("Consumers of the queue, on all runners.")),
    at: time("When it was measured."),
    source: choice(["broker", "management"]),
  }, "Where the messages of a function are. What the broker does not tell is absent."),
};

/** Without the index signature. */
type KnownKeys<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
