import type { FunctionDetail } from "../../lib/http/runner_view.ts";
import type { Depth } from "../../lib/invocation/insight/depth.ts";
import type { AnnouncedRunner } from "../../lib/invocation/insight/fleet.ts";
import type { Trouble } from "../../lib/invocation/insight/operator_view.ts";
import type { ErrorGroup, FunctionHistory, HistoryPoint, Run } from "../../lib/invocation/insight/run.ts";
import { noOutcomes } from "../../lib/invocation/outcome.ts";

/** What no page may take for markup. */
export const HOSTILE =
  `<script>alert("x")</script><img src=x onerror=alert(1)>'"&\u202e\u0000</template></textarea></svg>`;
/** As it would be in a page that did not escape it. */
export const LIVE_MARKUP = /<script>alert|<img src=x/;

const MINUTE = 60_000;
const POINTS = 60;

/** Everything that a console can show, of one moment. */
export interface FakeWorld {
  now: number;
  views: FunctionDetail[];
  depths: Depth[];
  histories: FunctionHistory[];
  runners: AnnouncedRunner[];
  troubles: Trouble[];
  runs: Run[];
  errors: ErrorGroup[];
  orphans: { queue: string; messages: number; advice: string }[];
}

export interface WorldOptions {
  /** Quiet functions beside those that have something to show. @default 12 */
  readonly functions?: number;
  /** Names, headers, errors and log lines that are markup. @default false */
  readonly hostile?: boolean;
  /** Nothing is wrong. @default false */
  readonly healthy?: boolean;
  /** Milliseconds since 1970. @default the present */
  readonly now?: number;
}

const NAMES =
  "orders.paid images.resize mails.send invoices.render stock.sync search.index users.welcome carts.expire " +
  "webhooks.deliver reports.daily payments.capture labels.print prices.import reviews.moderate audits.write";

/** The same numbers each time, between 0 and 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A night on which some things are wrong, and most are not. */
export function fakeWorld(
  { functions = 12, hostile = false, healthy = false, now = Date.now() }: WorldOptions = {},
): FakeWorld {
  const known = NAMES.split(" ");
  const quiet = Array.from({ length: functions }, (_, at) => known[at] ?? `tenant${at}.events`);
  const names = [...quiet, ...healthy ? [] : ["orders.created", "payments.refund", "mails.digest"]];
  if (hostile) names.push(HOSTILE);
  const world: FakeWorld = {
    now,
    views: names.map((name, at) => viewOf(name, at)),
    depths: names.map((name, at) => depthOf(name, at, now)),
    histories: names.map((name, at) => historyOf(name, at, now)),
    runners: runnersOf(names, now, healthy),
    troubles: [],
    runs: names.slice(-6).flatMap((name, at) => runsOf(name, at, now, hostile)),
    errors: [],
    orphans: [],
  };
  world.runs.sort((a, b) => b.endedAt - a.endedAt);
  if (!healthy) breakThings(world);
  if (hostile) makeHostile(world);
  return world;
}

function viewOf(name: string, at: number): FunctionDetail {
  return {
    name,
    file: `/app/functions/${name.replaceAll(".", "/")}.ts`,
    state: "serving",
    version: (0xabcdef12 + at).toString(16),
    loaded: true,
    queue: name,
    deadLetterQueue: `${name}.dead`,
    bindings: at % 3 === 0 ? [{ exchange: "events", type: "topic", routingKey: `${name}.#`, arguments: {} }] : [],
    concurrency: 20,
    prefetch: 40,
    timeout: 30_000,
    retry: { attempts: 5, delay: 1_000, maxDelay: 60_000, multiplier: 4, jitter: 0.1, delays: undefined },
    isolation: "process",
    memory: 128 * 1024 * 1024,
    instances: 2,
    processes: 1,
    running: at % 4,
    counts: { ...noOutcomes(), completed: 1_000 },
    output: at % 4 === 1 ? { exchange: "results", routingKey: `${name}.done` } : undefined,
    schedule: name === "reports.daily" || name === "mails.digest"
      ? { cron: "0 6 * * *", timezone: "Europe/Berlin", missed: "once", next: "2026-03-02T06:00:00.000Z" }
      : undefined,
    input: at % 5 === 0 ? SCHEMA : undefined,
  };
}

const SCHEMA = {
  type: "object",
  required: ["id", "size"],
  properties: {
    id: { type: "string", description: "The image's key in the store." },
    size: { type: "integer", description: "Pixels of the longer side." },
    format: { type: "string", enum: ["avif", "webp", "jpeg"] },
    keep: { type: "boolean" },
  },
};

function depthOf(name: string, at: number, now: number): Depth {
  const next = random(at + 7);
  const ready = Math.floor(next() ** 4 * 200);
  return {
    function: name,
    queue: name,
    ready,
    unacknowledged: at % 4,
    retrying: Math.floor(next() ** 6 * 20),
    dead: 0,
    oldest: ready > 0 ? Math.floor(next() * 4_000) : undefined,
    consumers: 3,
    at: now,
    source: "broker",
  };
}

function historyOf(name: string, at: number, now: number): FunctionHistory {
  const next = random(at * 31 + 1);
  const level = 20 + next() ** 3 * 900;
  const points = Array.from({ length: POINTS }, (_, step): HistoryPoint => {
    const wave = 1 + 0.4 * Math.sin(step / 7 + at) + 0.25 * (next() - 0.5);
    const p50 = 12 + 40 * next();
    return {
      time: now - (POINTS - step) * MINUTE,
      completed: Math.round(level * wave),
      failed: 0,
      coldStarts: step === 3 ? 2 : 0,
      p50,
      p95: p50 * (2 + next()),
      ready: Math.round(5 * next() ** 3 * wave),
      dead: 0,
    };
  });
  return { function: name, step: MINUTE, points };
}

function runnersOf(names: readonly string[], now: number, healthy: boolean): AnnouncedRunner[] {
  const functions = names.map((name, at) => ({
    name,
    version: "abcdef12",
    state: "serving",
    running: at % 4,
    perMinute: Math.round(random(at * 31 + 1)() ** 3 * 300 + 7),
    failedPerMinute: 0,
  }));
  const runner = (name: string, more: Partial<AnnouncedRunner>): AnnouncedRunner => ({
    id: `${name}-1`,
    name,
    host: `${name}.internal`,
    version: "0.1.0",
    startedAt: now - 9 * 3_600_000,
    seenAt: now - 1_000,
    gone: false,
    self: false,
    functions,
    ...more,
  });
  const all = [runner("warren-a", { self: true }), runner("warren-b", {})];
  return healthy
    ? [...all, runner("warren-c", {})]
    : [...all, runner("warren-c", { gone: true, seenAt: now - 184_000 })];
}

function runsOf(name: string, at: number, now: number, hostile: boolean): Run[] {
  return Array.from({ length: 4 }, (_, index): Run => {
    const endedAt = now - index * 2_300 - at * 371;
    const took = 18 + 9 * index;
    return {
      id: `${at}run${index}`,
      function: name,
      version: "abcdef12",
      runner: index % 2 === 0 ? "warren-a" : "warren-b",
      messageId: `8c1f${at}${index}-4711`,
      attempt: 1,
      outcome: "completed",
      next: { kind: "ack" },
      queuedAt: endedAt - took - 140,
      receivedAt: endedAt - took - 3,
      startedAt: endedAt - took,
      endedAt,
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      size: 214,
      published: [],
      exchange: "events",
      routingKey: name,
      redelivered: false,
      headers: {
        tenant: hostile ? HOSTILE : "acme",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      },
      properties: { contentType: "application/json", messageId: `8c1f${at}${index}-4711` },
      body: { text: hostile ? HOSTILE : '{"order":4711,"total":"129.00"}', base64: false, truncated: false },
      logs: [{ time: endedAt - 9, level: "info", message: hostile ? HOSTILE : "stored order 4711", fields: { ms: 8 } }],
      logsLeftOut: 0,
    };
  });
}

const STACK = "TypeError: total is not a number\n    at charge (file:///app/functions/orders/created.ts:41:11)\n" +
  "    at handler (file:///app/functions/orders/created.ts:17:9)";

/** One function fails since ten minutes, one is broken, one is paused, and a runner is gone. */
function breakThings(world: FakeWorld): void {
  const { now } = world;
  change(world.views, "payments.refund", {
    state: "broken",
    error: 'payments/refund.ts:12: cannot find module "./ledger.ts"',
    processes: 0,
  });
  change(world.views, "mails.digest", { state: "paused", error: "by hand, until 06:00" });
  changeDepth(world, "orders.created", {
    ready: 1_842,
    oldest: 611_000,
    retrying: 240,
    dead: 1_204,
    unacknowledged: 20,
  });
  changeDepth(world, "payments.refund", { ready: 37, oldest: 2_412_000, consumers: 0 });
  changeDepth(world, "mails.digest", { ready: 12, oldest: 5_400_000, consumers: 0 });
  const history = world.histories.find((one) => one.function === "orders.created")!;
  const points = history.points.map((point, at) =>
    at < 50 ? point : {
      ...point,
      completed: Math.round(point.completed * 0.2),
      failed: Math.round(point.completed * 0.8),
      p95: point.p95! * (1 + (at - 50) / 3),
      ready: (at - 49) * 180,
      dead: (at - 49) * 120,
    }
  );
  world.histories[world.histories.indexOf(history)] = { ...history, points };
  world.runners = world.runners.map((runner) => ({
    ...runner,
    functions: runner.functions.map((one) =>
      one.name === "orders.created"
        ? { ...one, perMinute: 212, failedPerMinute: 171 }
        : one.name === "payments.refund"
        ? { ...one, state: "broken", detail: "cannot find module", perMinute: 0 }
        : one.name === "mails.digest"
        ? { ...one, state: "paused", perMinute: 0 }
        : one
    ),
  }));
  const message = 'total is not a number: "129,00" of order 4711';
  world.runs = [...storyOf(now, message), ...world.runs];
  world.errors = [{
    key: "k1",
    function: "orders.created",
    type: "TypeError",
    message: "total is not a number: … of order …",
    frame: "charge (file:///app/functions/orders/created.ts:41)",
    count: 1_632,
    firstSeen: now - 601_000,
    lastSeen: now - 800,
    samples: ["story2", "story1"],
  }, {
    key: "k2",
    function: "orders.created",
    type: "TimeoutError",
    message: "no answer from … within … ms",
    frame: "reserve (file:///app/functions/orders/stock.ts:9)",
    count: 12,
    firstSeen: now - 3_000_000,
    lastSeen: now - 95_000,
    samples: ["story0"],
  }];
  world.troubles = [
    trouble(
      "error",
      "broken",
      "payments.refund",
      "payments.refund is broken",
      'payments/refund.ts:12: cannot find module "./ledger.ts". 37 messages wait since 40 min.',
      "Restore the module; it is read again as soon as it is saved.",
      now - 2_412_000,
    ),
    trouble(
      "error",
      "errors",
      "orders.created",
      "orders.created fails: 81 % of its runs in the last minute",
      "TypeError: total is not a number. 1 204 messages are dead letters, 120 more each minute.",
      "Read the errors, repair the function, then send the dead letters again.",
      now - 601_000,
    ),
    {
      severity: "error",
      kind: "gone",
      title: "Runner warren-c is gone",
      reason: "It was last heard 3 min ago and did not say goodbye.",
      action: "Look at its host, warren-c.internal; the other runners do its work.",
      since: now - 184_000,
    },
    trouble(
      "warning",
      "backlog",
      "orders.created",
      "1 842 messages wait for orders.created",
      "The oldest waits for 10 min; usual is less than 5 s.",
      "Start another runner, or repair what fails.",
      now - 540_000,
    ),
  ];
  world.orphans = [
    {
      queue: "warren.orphans",
      messages: 14,
      advice:
        "Retries whose queue was deleted. Declare the queue again, or move them with deno task dead redrive warren.orphans.",
    },
    {
      queue: "thumbnails.dead",
      messages: 3,
      advice: "Dead letters of a function that no longer exists here. Read them with deno task dead list thumbnails.",
    },
  ];
}

/** One message that fails twice, and what its third attempt gave rise to. */
function storyOf(now: number, message: string): Run[] {
  const base = runsOf("orders.created", 9, now, false)[0];
  const attempt = (index: number, more: Partial<Run>): Run => ({
    ...base,
    id: `story${index}`,
    messageId: "order-4711",
    attempt: index + 1,
    queuedAt: now - 40_000,
    receivedAt: now - 39_000 + index * 12_000,
    startedAt: now - 38_900 + index * 12_000,
    endedAt: now - 38_000 + index * 13_000,
    outcome: "failed",
    error: { type: "TypeError", message },
    stack: STACK,
    next: { kind: "retry", delay: 4_000 * 4 ** index, attempt: index + 2 },
    logs: [
      {
        time: now - 38_800 + index * 12_000,
        level: "info",
        message: "charging order 4711",
        fields: { total: "129,00" },
      },
      { time: now - 38_100 + index * 12_000, level: "error", message: "the total has a comma" },
    ],
    ...more,
  });
  return [
    attempt(2, { outcome: "failed", next: { kind: "deadLetter", reason: "failed" }, published: ["mail-9"] }),
    attempt(3, {
      id: "story-mail",
      function: "mails.send",
      messageId: "mail-9",
      parentId: "order-4711",
      attempt: 1,
      outcome: "completed",
      error: undefined,
      stack: undefined,
      next: { kind: "ack" },
      queuedAt: now - 1_500,
      receivedAt: now - 1_400,
      startedAt: now - 1_300,
      endedAt: now - 700,
      logs: [{ time: now - 800, level: "info", message: "told the customer" }],
    }),
    attempt(1, {}),
    attempt(0, {}),
  ];
}

function trouble(
  severity: Trouble["severity"],
  kind: string,
  name: string,
  title: string,
  reason: string,
  action: string,
  since: number,
): Trouble {
  return { severity, kind, function: name, title, reason, action, href: `/functions/${name}`, since };
}

function makeHostile(world: FakeWorld): void {
  world.troubles.push({
    ...trouble("warning", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, world.now),
    href: `javascript:alert(1)//${HOSTILE}`,
  });
  world.errors.push({
    key: HOSTILE,
    function: HOSTILE,
    type: HOSTILE,
    message: HOSTILE,
    frame: HOSTILE,
    count: 1,
    firstSeen: world.now,
    lastSeen: world.now,
    samples: [HOSTILE],
  });
  world.orphans.push({ queue: HOSTILE, messages: 1, advice: HOSTILE });
  world.runners.push({ ...world.runners[0], id: HOSTILE, name: HOSTILE, host: HOSTILE, version: HOSTILE, self: false });
  change(world.views, HOSTILE, {
    state: "broken",
    error: HOSTILE,
    file: HOSTILE,
    queue: HOSTILE,
    bindings: [{ exchange: HOSTILE, type: "topic", routingKey: HOSTILE, arguments: { [HOSTILE]: HOSTILE } }],
    input: { properties: { [HOSTILE]: { type: "string", description: HOSTILE, enum: [HOSTILE] } } },
    schedule: { cron: "* * * * *", timezone: "UTC", missed: "skip", next: undefined },
  });
  const run = world.runs.find((one) => one.function === HOSTILE)!;
  world.runs.unshift({
    ...run,
    id: HOSTILE,
    messageId: HOSTILE,
    runner: HOSTILE,
    outcome: "failed",
    error: { type: HOSTILE, message: HOSTILE },
    stack: HOSTILE,
    traceId: HOSTILE,
    parentId: HOSTILE,
    published: [HOSTILE],
    next: { kind: "retry", delay: 1_000, attempt: 2 },
    headers: { [HOSTILE]: HOSTILE },
    properties: { type: HOSTILE },
    logs: [{ time: world.now, level: HOSTILE, message: HOSTILE, fields: { [HOSTILE]: HOSTILE } }],
  });
}

function change(views: FunctionDetail[], name: string, more: Partial<FunctionDetail>): void {
  const at = views.findIndex((view) => view.name === name);
  views[at] = { ...views[at], ...more };
}

function changeDepth({ depths }: FakeWorld, name: string, more: Partial<Depth>): void {
  const at = depths.findIndex((depth) => depth.function === name);
  depths[at] = { ...depths[at], ...more };
}
