import type { Next } from "../../../invocation/insight/ended.ts";
import type {
  ErrorGroup,
  FunctionHistory,
  HistoryPoint,
  Run,
  RunLine,
  RunLogLine,
} from "../../../invocation/insight/run.ts";
import type { RunSummary } from "../../../invocation/insight/run.ts";
import { noOutcomes } from "../../../invocation/outcome.ts";
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

export const OUTCOMES = Object.keys(noOutcomes());

type NextOf<K extends Next["kind"]> = Extract<Next, { kind: K }>;
const NEXT = oneOf(
  object<NextOf<"ack">>({
    kind: { const: "ack" },
    duplicate: optional({ const: true, description: "It did not run: a message with its id was handled before." }),
  }),
  object<NextOf<"retry">>({ kind: { const: "retry" }, delay: number("Milliseconds."), attempt: integer() }),
  object<NextOf<"deadLetter">>({ kind: { const: "deadLetter" }, reason: text() }),
  object<NextOf<"return">>({ kind: { const: "return" }, lost: optional(BOOLEAN) }),
);

const SUMMARY = {
  id: text("Unique among all runners. Ids of one runner sort by time."),
  function: text(),
  version: text(),
  runner: text(),
  messageId: optional(text()),
  attempt: integer(),
  outcome: choice(OUTCOMES),
  next: ref("Next"),
  queuedAt: optional(time("When the message was published, if it says so.")),
  receivedAt: time(),
  startedAt: time(),
  endedAt: time(),
  traceId: optional(text()),
  error: optional(object<NonNullable<RunSummary["error"]>>({ type: text(), message: text() })),
  size: integer("Bytes of the body."),
  parentId: optional(text("The id of the message whose handler published this one.")),
  published: list(text(), "The ids of the messages that the handler published."),
};

export const RUN_SCHEMAS: Readonly<Record<string, Schema>> = {
  Next: { ...NEXT, description: "What became of the message." },
  RunSummary: object<RunSummary>(SUMMARY),
  Run: object<Run>({
    ...SUMMARY,
    stack: optional(text()),
    exchange: text(),
    routingKey: text(),
    redelivered: BOOLEAN,
    headers: map(ANYTHING),
    properties: map(ANYTHING),
    body: optional(object<NonNullable<Run["body"]>>({
      text: text(),
      base64: flag("Whether the text is base64."),
      truncated: BOOLEAN,
    }, "Only with RUNS_BODIES=true.")),
    logs: list(ref("RunLogLine")),
    logsLeftOut: integer("How many more lines there were."),
  }, "A run with all that is kept of it."),
  RunLogLine: object<RunLogLine>({
    time: time(),
    level: text(),
    message: text(),
    fields: optional(map(ANYTHING)),
  }),
  RunLine: object<RunLine>({
    runId: text(),
    function: text(),
    runner: text(),
    messageId: optional(text()),
    line: ref("RunLogLine"),
  }),
  ErrorGroup: object<ErrorGroup>({
    key: text(),
    function: text(),
    type: text(),
    message: text("The message with its variable parts as `…`."),
    frame: optional(text("The first line of the stack.")),
    count: integer(),
    firstSeen: time(),
    lastSeen: time(),
    samples: list(text(), "Ids of the newest runs."),
  }),
  FunctionHistory: object<FunctionHistory>({
    function: text(),
    step: number("Milliseconds."),
    points: list(object<HistoryPoint>({
      time: time(),
      completed: integer(),
      failed: integer(),
      coldStarts: integer(),
      p50: optional(number("Milliseconds.")),
      p95: optional(number("Milliseconds.")),
      ready: optional(integer()),
      dead: optional(integer()),
    })),
  }, "The last hour of a function, oldest first."),
};
