import type { Depth } from "../../../lib/invocation/insight/depth.ts";
import type { AnnouncedRunner } from "../../../lib/invocation/insight/fleet.ts";
import type { FunctionHistory, Run, RunSummary } from "../../../lib/invocation/insight/run.ts";
import type { OperatorView, Trouble } from "../../../lib/invocation/insight/operator_view.ts";
import type { FunctionDetail, FunctionView } from "../../../lib/http/runner_view.ts";
import { fakeApi, type FakeApiOptions } from "../fake_runner.ts";
import { FakeDeadLetters } from "./fake_dead_letters.ts";
import { FakeMessageEvents } from "./fake_message_events.ts";
import { FakeMetrics } from "./fake_metrics.ts";

const DEPTH: Depth = {
  function: "hello",
  queue: "hello",
  ready: 3,
  unacknowledged: 1,
  retrying: 0,
  retryingAtMost: 2,
  dead: 1,
  oldest: 5.5,
  consumers: 1,
  at: 1,
  source: "management",
};

const SUMMARY: RunSummary = {
  id: "r1",
  function: "hello",
  version: "v",
  runner: "here",
  messageId: "m1",
  attempt: 1,
  outcome: "failed",
  next: { kind: "retry", delay: 10, attempt: 2 },
  queuedAt: 1,
  receivedAt: 2,
  startedAt: 3,
  endedAt: 4,
  traceId: "t",
  error: { type: "Error", message: "no" },
  size: 1,
  parentId: "m0",
  published: ["m1/0"],
};
const LINE = { time: 1, level: "info", message: "hello", fields: { n: 1 } };
const RUN: Run = {
  ...SUMMARY,
  stack: "at x",
  exchange: "",
  routingKey: "hello",
  redelivered: false,
  headers: { a: 1 },
  properties: {},
  body: { text: "1", base64: false, truncated: false },
  logs: [LINE],
  logsLeftOut: 0,
};

const RUNNER: AnnouncedRunner = {
  id: "1",
  name: "here",
  host: "h",
  version: "0.1.0",
  startedAt: 1,
  seenAt: 2,
  gone: false,
  self: true,
  heldBack: [{ queue: "hello", delay: 10, count: 2 }],
  functions: [{
    name: "hello",
    queue: "hello",
    version: "v",
    state: "serving",
    running: 0,
    newest: 1,
    perMinute: 1.5,
    failedPerMinute: 0,
  }],
};

const TROUBLE: Trouble = {
  severity: "warning",
  kind: "backlog",
  function: "hello",
  title: "hello falls behind",
  reason: "3 messages wait",
  action: "Start more runners",
  href: "/console/functions/hello",
  since: 1,
};

const HISTORY: FunctionHistory = {
  function: "hello",
  step: 1,
  points: [{ time: 1, completed: 1, failed: 0, coldStarts: 0, p50: 1.5, p95: 2, ready: 1, dead: 0 }],
};

/** Answers of runners that know everything. */
const ANSWERS = {
  runs() {
    return Promise.resolve({ items: [SUMMARY], silent: ["far"], since: 1, leftOut: 2 });
  },

  story() {
    return Promise.resolve({ items: [SUMMARY], silent: [] });
  },

  errors() {
    const group = { key: "k", function: "hello", type: "Error", message: "no …", frame: "at x" };
    return Promise.resolve({ items: [{ ...group, count: 1, firstSeen: 1, lastSeen: 1, samples: ["r1"] }], silent: [] });
  },

  lines() {
    const line = { runId: "r1", function: "hello", runner: "here", messageId: "m1", line: LINE };
    return Promise.resolve({ items: [line], silent: [] });
  },

  history(name: string) {
    return Promise.resolve(name === HISTORY.function ? HISTORY : undefined);
  },
} satisfies Partial<OperatorView>;

/** A function that has all that a list of functions can have. */
function listed(view: FunctionView): FunctionView {
  return {
    ...view,
    version: "v",
    loaded: true,
    deadLetterQueue: "hello.dead",
    bindings: [{ exchange: "x", type: "topic", routingKey: "a.*", arguments: { n: 1 } }],
    order: { header: undefined, body: "order.id", partitions: 4 },
    http: { path: "/own", methods: ["POST"], public: true, headers: ["x-tag"], origins: [], events: true, maxBody: 0 },
    concurrency: 1,
    prefetch: 1,
    timeout: 1,
    retry: { attempts: 1, delay: 1, maxDelay: 1, multiplier: 2, jitter: 0.5, delays: [1] },
    isolation: "process",
    memory: 1,
    instances: 1,
    processes: 0,
    duplicates: 2,
  };
}

/** Its whole configuration. */
function detailed(view: FunctionView): FunctionDetail {
  return {
    ...view,
    enabled: true,
    body: "decoded",
    validates: true,
    input: { type: "object", properties: { id: { type: "string" } } },
    batch: { size: 2, wait: 1 },
    rateLimit: { limit: 1, per: 1 },
    killSwitch: { window: 1, errorRate: 0.5, minimum: 1, coolDown: 1 },
    output: { exchange: "", routingKey: "out", headers: { a: 1 }, event: { type: "t" } },
    onDead: "alerts",
    dedupe: 60_000,
    publish: ["x/*"],
    permissions: { net: true, read: ["a"] },
    strictEnv: true,
    idle: 1,
    warm: false,
    queueOptions: { durable: true, autoDelete: false, arguments: { "x-queue-type": "quorum" } },
    schedule: { cron: "* * * * *", timezone: "UTC", missed: "once", next: new Date(0).toISOString() },
  };
}

/** The API over a runner that has something of everything. */
export function fullApi(options: FakeApiOptions = {}) {
  const messages = new FakeMessageEvents();
  const api = fakeApi({ maxBody: 1_000, patience: 1_000, metrics: new FakeMetrics(), messages, ...options });
  const { runner, operator } = api;
  Object.assign(operator, ANSWERS);
  const box = new FakeDeadLetters();
  runner.views[0] = listed(runner.views[0]);
  runner.detail = (name) => detailed(runner.function(name)!);
  runner.views.push({ ...runner.views[1], name: "broken", state: "broken", error: "a mistake", queue: undefined });
  runner.box = box;
  operator.known = RUN;
  operator.fleet = [RUNNER];
  operator.found = [TROUBLE];
  operator.scheduled.add("hello");
  operator.measured.set("hello", DEPTH);
  operator.orphaned = [{ queue: "q", messages: 1, advice: "look" }];
  operator.waiting.add("m1");
  operator.result = {
    standings: [{ runner: "here", function: "hello", state: "paused", detail: "by hand" }],
    silent: [],
  };
  return { ...api, box, messages };
}
