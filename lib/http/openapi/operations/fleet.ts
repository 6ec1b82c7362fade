import {
  FUNCTION_NAME,
  inQuery,
  json,
  JSON_TYPE,
  NO_BROKER,
  type Operation,
  type Operations,
  problem,
  REFUSED,
  TOO_LARGE,
  WRONG_REQUEST,
} from "../operation.ts";
import type { AnnouncedRunner } from "../../../invocation/insight/fleet.ts";
import { flag, list, object, oneOf, optional, ref, type Schema, text } from "../schema.ts";

const HERE = flag("Only in the runner that is asked.");
const FOR = text("Ends by itself after that time: from `1s` to `45d`.");
const BY = text("Who asks.", { maxLength: 100 });

/** What pausing and resuming have in common. */
function standingOf(operation: Pick<Operation, "summary" | "parameters" | "body">): Operation {
  return {
    ...operation,
    tag: "functions",
    answers: {
      200: json("How the function stands now.", ref("Standing")),
      400: WRONG_REQUEST,
      404: problem("No runner has such a function."),
      409: problem("The function is not bound to a queue."),
      413: TOO_LARGE,
      502: REFUSED,
      503: NO_BROKER,
    },
  };
}

function bodyOf(schema: Schema): Operation["body"] {
  return { required: false, content: { [JSON_TYPE]: schema } };
}

/** Over all runners that share the broker. */
export const FLEET_OPERATIONS: Operations = {
  "GET /runners": {
    tag: "runners",
    summary: "List all runners that share the broker, with their functions",
    answers: {
      200: json(
        "This runner first; those that are gone last.",
        object<{ runners: AnnouncedRunner[] }>({ runners: list(ref("AnnouncedRunner")) }),
      ),
    },
  },
  "GET /status": {
    tag: "runners",
    summary: "Show all runners, all functions and what is wrong",
    answers: { 200: json("How everything stands.", ref("FleetStatus")) },
  },
  "POST /functions/:name/pause": standingOf({
    summary: "Take no more messages of a function, in all runners",
    parameters: [
      FUNCTION_NAME,
      inQuery("here", HERE.description!),
      inQuery("for", FOR.description!),
      inQuery("by", BY.description!),
    ],
    body: bodyOf(object<{ here?: boolean; for?: string; by?: string }>({
      here: optional(HERE),
      for: optional(oneOf(FOR, { type: "integer", description: "Milliseconds." })),
      by: optional(BY),
    })),
  }),
  "POST /functions/:name/resume": standingOf({
    summary: "Take messages of a paused function again",
    parameters: [FUNCTION_NAME, inQuery("here", HERE.description!), inQuery("by", BY.description!)],
    body: bodyOf(object<{ here?: boolean; by?: string }>({ here: optional(HERE), by: optional(BY) })),
  }),
};
