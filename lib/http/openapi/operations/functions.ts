import type { FunctionView } from "../../runner_view.ts";
import {
  FUNCTION_NAME,
  inHeader,
  inQuery,
  json,
  NO_BROKER,
  NO_FUNCTION,
  type Operation,
  type Operations,
  problem,
  REFUSED,
  TOO_LARGE,
  TOO_SLOW,
} from "../operation.ts";
import { ANYTHING, list, object, optional, ref, text } from "../schema.ts";

const DELAY = inQuery("delay", "Holds the message back for that long, as in `10s`: at most 30 days.");
const PRIORITY = inQuery("priority", "For a queue with the argument `x-max-priority`.", {
  type: "integer",
  minimum: 0,
  maximum: 255,
});

const PUBLISH: Operation = {
  tag: "functions",
  summary: "Publish the body as a message",
  description: "The message gets the body and its content type as they are.",
  parameters: [
    inHeader("message-id", "The id of the message. Default: a new UUID."),
    inHeader("prefer", "`wait=10` waits up to ten seconds for the result (RFC 7240)."),
    inHeader("traceparent", "The trace that the message continues."),
    inHeader("tracestate", "Belongs to `traceparent`."),
  ],
  body: { required: false, content: { "*/*": ANYTHING } },
  answers: {
    200: {
      description: "With `Prefer: wait`: the handler completed, and this is what it returned.",
      content: { "*/*": ANYTHING },
      headers: { "message-id": "The id of the message.", "preference-applied": "How long it would have waited." },
    },
    202: json(
      "The broker has the message.",
      object<{ messageId: string; state?: string; detail?: string }>({
        messageId: text(),
        state: optional(text("Only if the message waits: the state of the function.")),
        detail: optional(text("Why it waits.")),
      }),
    ),
    400: problem("The `Message-Id` is too long, the delay or the priority is wrong, or the body broke off."),
    404: NO_FUNCTION,
    408: TOO_SLOW,
    413: TOO_LARGE,
    415: problem("A message cannot have this content type or encoding."),
    422: problem("The body does not match the function's `input`, or the handler rejected it."),
    431: problem("The headers for the message are too large."),
    500: problem("With `Prefer: wait`: the message failed for good."),
    502: REFUSED,
    503: NO_BROKER,
    504: problem("With `Prefer: wait`: there was no result in time. The message is not lost."),
  },
};

/** Of a path that a function has of its own. */
export function publishing(name: string): Operation {
  const { 404: _, ...answers } = PUBLISH.answers;
  return { ...PUBLISH, tag: "webhooks", summary: `Publish the body as a message of ${name}`, answers };
}

/** Of a function with a schedule. */
const RUN_NOW: Operation = {
  tag: "functions",
  summary: "Run a scheduled function now",
  parameters: [FUNCTION_NAME],
  answers: {
    202: json(
      "The broker has the message, which is like that of a scheduled run.",
      object<{ function: string; messageId: string }>({ function: text(), messageId: text() }),
    ),
    404: NO_FUNCTION,
    409: problem("The function has no schedule."),
    502: REFUSED,
    503: NO_BROKER,
  },
};

export const FUNCTION_OPERATIONS: Operations = {
  "GET /functions": {
    tag: "functions",
    summary: "List the functions of this runner",
    answers: {
      200: json("All functions.", object<{ functions: FunctionView[] }>({ functions: list(ref("FunctionView")) })),
    },
  },
  "GET /functions/:name": {
    tag: "functions",
    summary: "Show one function with its whole configuration and its depth",
    parameters: [FUNCTION_NAME],
    answers: { 200: json("The function.", ref("FunctionDetail")), 404: NO_FUNCTION },
  },
  "POST /functions/:name": { ...PUBLISH, parameters: [FUNCTION_NAME, DELAY, PRIORITY, ...PUBLISH.parameters!] },
  "POST /functions/:name/run": RUN_NOW,
};
