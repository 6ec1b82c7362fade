import { noOutcomes } from "../../../invocation/outcome.ts";
import {
  FUNCTION_NAME,
  inPath,
  inQuery,
  json,
  JSON_TYPE,
  NO_BROKER,
  NO_FUNCTION,
  type Operations,
  type Parameter,
  problem,
  TOO_LARGE,
  TOO_SLOW,
  WRONG_REQUEST,
} from "../operation.ts";
import { BOOLEAN, map, object, oneOf, optional, ref, type Schema, text } from "../schema.ts";

const AGE = "A duration, as in `1h`.";
const ID = inPath("id", "A message id.");
const NO_LETTER = problem("There is no such function, or no dead letter with this id.");
const SCALAR = oneOf(text(), { type: "number" }, BOOLEAN);

const FILTERS: Readonly<Record<string, string>> = {
  reason: `The outcome of the last run: ${
    Object.keys(noOutcomes()).filter((kind) => kind !== "completed").join(", ")
  }.`,
  error: "A part of the error's type or message.",
  olderThan: `It failed at least this long ago. ${AGE}`,
  newerThan: `It failed at most this long ago. ${AGE}`,
  function: "The function that failed.",
  id: "The message id.",
};
const LIMIT: Schema = { type: "integer", minimum: 1 };
const IN_QUERY: readonly Parameter[] = [
  ...Object.entries(FILTERS).map(([name, description]) => inQuery(name, description)),
  inQuery("header", "`NAME=VALUE` of a header. May be repeated.", { type: "array", items: text() }),
  inQuery("limit", "The most dead letters.", LIMIT),
];

/** `DELETE` and `redrive` alike. */
const SWEPT = {
  200: json("It is done.", ref("Sweep")),
  202: {
    ...json("It takes longer: this is the job that does it.", ref("JobView")),
    headers: { location: "Where the job is." },
  },
  400: WRONG_REQUEST,
  404: NO_FUNCTION,
  429: problem("Too many jobs are running."),
  503: NO_BROKER,
};

interface RedriveBody {
  headers?: unknown;
  limit?: number;
  rate?: number;
  dryRun?: boolean;
}

const REDRIVE = object<RedriveBody>({
  headers: optional(map(SCALAR, "Only messages with these headers.")),
  limit: optional(LIMIT),
  rate: optional({ type: "number", description: "At most as many a second." }),
  dryRun: optional({ ...BOOLEAN, description: "Only counts." }),
});
const FILTER_MEMBERS = Object.entries(FILTERS).map(([name, description]) => [name, text(description)] as const);

export const DEAD_LETTER_OPERATIONS: Operations = {
  "GET /functions/:name/dead": {
    tag: "dead letters",
    summary: "List dead letters without their bodies, the oldest first",
    parameters: [FUNCTION_NAME, ...IN_QUERY],
    answers: {
      200: json("What matches, 100 unless `limit` says more.", ref("DeadLetters")),
      400: WRONG_REQUEST,
      404: NO_FUNCTION,
      503: NO_BROKER,
    },
  },
  "DELETE /functions/:name/dead": {
    tag: "dead letters",
    summary: "Delete the dead letters that match; without a filter, all",
    parameters: [FUNCTION_NAME, ...IN_QUERY, inQuery("dryRun", "Only counts.", BOOLEAN)],
    answers: SWEPT,
  },
  "POST /functions/:name/dead/redrive": {
    tag: "dead letters",
    summary: "Return the dead letters that match to the queue of the function",
    parameters: [FUNCTION_NAME],
    body: {
      required: false,
      content: {
        [JSON_TYPE]: { ...REDRIVE, properties: { ...Object.fromEntries(FILTER_MEMBERS), ...REDRIVE.properties } },
      },
    },
    answers: { ...SWEPT, 408: TOO_SLOW, 413: TOO_LARGE },
  },
  "GET /functions/:name/dead/:id": {
    tag: "dead letters",
    summary: "Show one dead letter with its body",
    parameters: [FUNCTION_NAME, ID],
    answers: { 200: json("The dead letter.", ref("DeadLetterDetail")), 404: NO_LETTER, 503: NO_BROKER },
  },
  "PUT /functions/:name/dead/:id": {
    tag: "dead letters",
    summary: "Change a dead letter and return it to the queue of the function",
    parameters: [FUNCTION_NAME, ID],
    body: {
      required: true,
      content: {
        [JSON_TYPE]: object<{ body?: unknown; bodyBase64?: string; contentType?: string; headers?: unknown }>({
          body: optional({ description: "The new body. What is not a string is written as JSON." }),
          bodyBase64: optional(text("The new body, instead of `body`.")),
          contentType: optional(text()),
          headers: optional(map(oneOf(SCALAR, { type: "null" }), "New values; null removes a header.")),
        }),
      },
    },
    answers: {
      200: json("It is back in the queue.", object<{ messageId: string }>({ messageId: text() })),
      400: WRONG_REQUEST,
      404: NO_LETTER,
      408: TOO_SLOW,
      413: TOO_LARGE,
      415: problem("The new body does not match the content type."),
      503: NO_BROKER,
    },
  },
  "DELETE /functions/:name/dead/:id": {
    tag: "dead letters",
    summary: "Delete the dead letters with this id",
    parameters: [FUNCTION_NAME, ID],
    answers: { 200: json("It is done.", ref("Sweep")), 404: NO_LETTER, 503: NO_BROKER },
  },
  "GET /jobs/:id": {
    tag: "dead letters",
    summary: "Show the progress or the result of a job",
    parameters: [inPath("id", "The id of a job.")],
    answers: { 200: json("The job.", ref("JobView")), 404: problem("There is no such job, or it was forgotten.") },
  },
  "DELETE /jobs/:id": {
    tag: "dead letters",
    summary: "Stop a job, and show what it has done",
    parameters: [inPath("id", "The id of a job.")],
    answers: { 200: json("The job.", ref("JobView")), 404: problem("There is no such job, or it was forgotten.") },
  },
};
