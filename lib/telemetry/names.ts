/**
 * Every metric by its name. Prometheus, OTLP, docs/metrics.md, the dashboard and the alerts use these names; tests compare
 * all of them with this table. Those of spans are in invocation/tracing/span_names.ts, since sandboxes use them too.
 */

export type MetricType = "counter" | "gauge" | "histogram";

/** What OTLP calls the unit, as UCUM has it. */
export type MetricUnit = "s" | "By" | "{message}" | "{process}" | "{consumer}" | "{record}" | "1";

export interface MetricSpec {
  readonly name: string;
  readonly type: MetricType;
  readonly unit: MetricUnit;
  readonly labels: readonly Label[];
  /** A sentence without a full stop. */
  readonly help: string;
  /** Upper bounds of a histogram, in its unit. */
  readonly buckets?: readonly number[];
}

/** What labels mean. In OTLP they are attributes of the same name. */
export const LABELS = {
  function: "The name of the function, or `other` for the functions beyond METRICS_FUNCTIONS",
  outcome: "How an invocation ended: completed, failed, timedOut, rejected, crashed, undecodable or invalid",
  state: "The state of a function: starting, serving, unavailable, broken, paused, disabled or draining",
  reason: "Why a process ended: crashed, or timedOut if Warren killed it after the function's time limit",
  connection: "The connection to the broker: consuming or publishing",
  version: "Warren's version",
  deno: "Deno's version",
} as const;

export type Label = keyof typeof LABELS;

/** AMQP has timestamps of whole seconds: a shorter wait cannot be told from none. */
const WAITS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400];
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const DELAYS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What is asked of the broker is the same on every runner: use `max`, not `sum`. */
const ALL_RUNNERS = "(asked of the broker, the same on all runners)";

export const METRICS = {
  messages: {
    name: "warren_messages_total",
    type: "counter",
    unit: "{message}",
    labels: ["function", "outcome"],
    help: "Messages whose invocation ended, by outcome; each attempt counts",
  },
  duration: {
    name: "warren_message_duration_seconds",
    type: "histogram",
    unit: "s",
    labels: ["function"],
    help: "Time that the handler took",
    buckets: DURATIONS,
  },
  wait: {
    name: "warren_message_wait_seconds",
    type: "histogram",
    unit: "s",
    labels: ["function"],
    help:
      "Time from a message's own timestamp to the start of its first attempt; messages without a timestamp are left out",
    buckets: WAITS,
  },
  running: {
    name: "warren_running",
    type: "gauge",
    unit: "{message}",
    labels: ["function"],
    help: "Messages that this runner has taken and not settled: they run or wait for a free place",
  },
  retries: {
    name: "warren_retries_total",
    type: "counter",
    unit: "{message}",
    labels: ["function"],
    help: "Messages that were sent to their next attempt",
  },
  deadLetters: {
    name: "warren_dead_letters_total",
    type: "counter",
    unit: "{message}",
    labels: ["function"],
    help: "Messages that became dead letters",
  },
  returned: {
    name: "warren_returned_total",
    type: "counter",
    unit: "{message}",
    labels: ["function"],
    help: "Messages that went back to their queue unhandled, or that the broker took back",
  },
  queueReady: {
    name: "warren_queue_ready",
    type: "gauge",
    unit: "{message}",
    labels: ["function"],
    help: `Messages that wait in the function's queue ${ALL_RUNNERS}`,
  },
  queueUnacknowledged: {
    name: "warren_queue_unacknowledged",
    type: "gauge",
    unit: "{message}",
    labels: ["function"],
    help: "Messages of the function that are with a consumer, on all runners: each shows the sum",
  },
  queueRetrying: {
    name: "warren_queue_retrying",
    type: "gauge",
    unit: "{message}",
    labels: ["function"],
    help: "Messages that wait for their next attempt or their delay, of all runners: each shows the sum",
  },
  queueDead: {
    name: "warren_queue_dead_letters",
    type: "gauge",
    unit: "{message}",
    labels: ["function"],
    help: `Messages in the function's dead-letter queue ${ALL_RUNNERS}`,
  },
  queueOldest: {
    name: "warren_queue_oldest_age_seconds",
    type: "gauge",
    unit: "s",
    labels: ["function"],
    help:
      "Age of the oldest message that waits in the function's queue, 0 if none waits; an estimate without MANAGEMENT_URL",
  },
  queueConsumers: {
    name: "warren_queue_consumers",
    type: "gauge",
    unit: "{consumer}",
    labels: ["function"],
    help: `Consumers of the function's queue ${ALL_RUNNERS}`,
  },
  state: {
    name: "warren_function_state",
    type: "gauge",
    unit: "1",
    labels: ["function", "state"],
    help: "1 for the state that the function has in this runner",
  },
  coldStarts: {
    name: "warren_cold_starts_total",
    type: "counter",
    unit: "{process}",
    labels: ["function"],
    help: "Processes that started and loaded the function's module",
  },
  coldStartSeconds: {
    name: "warren_cold_start_seconds_total",
    type: "counter",
    unit: "s",
    labels: ["function"],
    help: "Time that these starts took together",
  },
  restarts: {
    name: "warren_sandbox_restarts_total",
    type: "counter",
    unit: "{process}",
    labels: ["function", "reason"],
    help: "Processes of the function that ended unexpectedly; the next message starts another one",
  },
  processes: {
    name: "warren_sandbox_processes",
    type: "gauge",
    unit: "{process}",
    labels: ["function"],
    help: "Processes of the function that are there now",
  },
  memory: {
    name: "warren_sandbox_memory_bytes",
    type: "gauge",
    unit: "By",
    labels: ["function"],
    help: "Resident memory of the function's processes together, read twice a second (only on Linux)",
  },
  connected: {
    name: "warren_broker_connected",
    type: "gauge",
    unit: "1",
    labels: ["connection"],
    help: "1 while the connection to the broker is open, else 0",
  },
  blocked: {
    name: "warren_broker_blocked",
    type: "gauge",
    unit: "1",
    labels: ["connection"],
    help: "1 while the broker takes no messages from the connection, since it lacks memory or disk space",
  },
  eventLoopDelay: {
    name: "warren_event_loop_delay_seconds",
    type: "histogram",
    unit: "s",
    labels: [],
    help: "How late a timer of the runner is; measured four times a second while the metrics are collected",
    buckets: DELAYS,
  },
  recordsLost: {
    name: "warren_run_records_lost_total",
    type: "counter",
    unit: "{record}",
    labels: [],
    help: "Run records that could not be written",
  },
  recordsSkipped: {
    name: "warren_run_records_skipped_total",
    type: "counter",
    unit: "{record}",
    labels: [],
    help: "Completed invocations without a run record, since there were too many in a second",
  },
  buildInfo: {
    name: "warren_build_info",
    type: "gauge",
    unit: "1",
    labels: ["version", "deno"],
    help: "Always 1; the labels name the versions",
  },
  startTime: {
    name: "process_start_time_seconds",
    type: "gauge",
    unit: "s",
    labels: [],
    help: "When the runner started, in seconds since 1970",
  },
  residentMemory: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    unit: "By",
    labels: [],
    help: "Resident memory of the runner's own process",
  },
  cpuSeconds: {
    name: "process_cpu_seconds_total",
    type: "counter",
    unit: "s",
    labels: [],
    help: "CPU time of the runner's own process",
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricKey = keyof typeof METRICS;

/** Takes the place of the names of functions for which there is no room. */
export const OTHER = "other";
