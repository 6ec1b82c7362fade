import type { Found } from "../../../invocation/insight/operator_view.ts";
import {
  FUNCTION_NAME,
  inPath,
  inQuery,
  json,
  JSON_TYPE,
  type Operations,
  problem,
  WRONG_REQUEST,
} from "../operation.ts";
import { choice, flag, integer, list, object, optional, ref, type Schema, text, time } from "../schema.ts";
import { OUTCOMES } from "../schemas/runs.ts";

const WHEN = "Milliseconds since 1970, an ISO date, or how long ago, as in `1h`.";
const LIMIT = inQuery("limit", "How many.", { type: "integer", minimum: 1, maximum: 500 });
const OF_FUNCTION = inQuery("function", "Only of this function.");

/** What all runners answered. */
function found(name: string): Schema {
  return object<Found<unknown>>({
    items: list(ref(name)),
    silent: ref("Silent"),
    since: optional(time("From then on all runners still keep their records.")),
    leftOut: optional(integer("Successes that were not recorded, since there were too many in a second.")),
  });
}

/** Records of invocations, and what handlers logged. */
export const RUN_OPERATIONS: Operations = {
  "GET /runs": {
    tag: "runs",
    summary: "Search the records of invocations, newest first",
    parameters: [
      OF_FUNCTION,
      inQuery("id", "Only of this message."),
      inQuery("outcome", "Only with this outcome.", choice(OUTCOMES)),
      inQuery("failed", "Every outcome but `completed`.", flag("`false`: only those that completed.")),
      inQuery("trace", "Only of this trace."),
      inQuery("text", "A text in the id, the error, a header or the body."),
      inQuery("since", WHEN),
      inQuery("until", WHEN),
      LIMIT,
    ],
    answers: { 200: json("The runs of all runners.", found("RunSummary")), 400: WRONG_REQUEST },
  },
  "GET /runs/:id": {
    tag: "runs",
    summary: "Show one run with its headers, error and log lines",
    parameters: [inPath("id", "The id of a run.")],
    answers: { 200: json("The run.", ref("Run")), 404: problem("There is no such run, or it is not kept any more.") },
  },
  "GET /messages/:id/runs": {
    tag: "runs",
    summary: "Show the runs of a message, of those that it came from and that it gave rise to",
    parameters: [inPath("id", "A message id.")],
    answers: { 200: json("The runs, oldest first.", found("RunSummary")) },
  },
  "GET /messages/:id/events": {
    tag: "runs",
    summary: "Follow what happens to a message, until it is done or dead",
    description:
      "Server-sent events: `queued`, `running`, `progress` and `retrying`, and at last `done` or `dead`. A token is not " +
      "needed where the function lets those who publish without one follow their messages.",
    parameters: [
      inPath("id", "A message id."),
      inQuery("function", "Only in this function, where several get the same message."),
    ],
    answers: {
      200: { description: "The stream.", content: { "text/event-stream": text() } },
      400: WRONG_REQUEST,
      503: problem("As many streams are open as a runner allows; `Retry-After` says when to ask again."),
    },
  },
  "GET /functions/:name/errors": {
    tag: "runs",
    summary: "Group the failures of a function by kind",
    parameters: [FUNCTION_NAME],
    answers: { 200: json("The groups.", found("ErrorGroup")) },
  },
  "GET /functions/:name/history": {
    tag: "runs",
    summary: "Show the last hour of a function",
    parameters: [FUNCTION_NAME],
    answers: {
      200: json("Its numbers, step by step.", ref("FunctionHistory")),
      404: problem("The function has run nothing in the last hour."),
    },
  },
  "GET /logs": {
    tag: "runs",
    summary: "Show what handlers logged, or follow it",
    description:
      "With `Accept: text/event-stream` or `follow=true` the lines come as server-sent events: `following`, " +
      "then a `log` for each line, and `cut` if the reader is too slow.",
    parameters: [OF_FUNCTION, LIMIT, inQuery("follow", "Sends lines as they come.", flag("`true` follows."))],
    answers: {
      200: {
        description: "The newest lines, oldest first; or the stream.",
        content: { [JSON_TYPE]: found("RunLine"), "text/event-stream": text() },
      },
      400: WRONG_REQUEST,
      429: problem("As many streams are open as a runner allows; `Retry-After` says when to ask again."),
    },
  },
};
