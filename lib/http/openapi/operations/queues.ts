import type { Depth } from "../../../invocation/insight/depth.ts";
import {
  FUNCTION_NAME,
  inPath,
  inQuery,
  json,
  NO_BROKER,
  NO_FUNCTION,
  type Operations,
  problem,
  WRONG_REQUEST,
} from "../operation.ts";
import { BOOLEAN, integer, list, number, object, ref, text } from "../schema.ts";

/** What waits on the broker. */
export const QUEUE_OPERATIONS: Operations = {
  "GET /queues": {
    tag: "queues",
    summary: "Show the depth of each function, and orphans",
    answers: {
      200: json(
        "What waits where.",
        object<{ functions: Depth[]; orphans: unknown[] }>({ functions: list(ref("Depth")), orphans: ref("Orphans") }),
      ),
    },
  },
  "DELETE /functions/:name/queue": {
    tag: "queues",
    summary: "Delete what waits in the queue of a function",
    parameters: [FUNCTION_NAME, inQuery("confirm", "The name of the queue.")],
    answers: {
      200: json(
        "The messages are deleted.",
        object<{ function: string; queue: string; purged: number }>({
          function: text(),
          queue: text(),
          purged: integer("How many messages there were."),
        }),
      ),
      400: WRONG_REQUEST,
      404: NO_FUNCTION,
      409: problem("The function is broken, so its queue is not known."),
      503: NO_BROKER,
    },
  },
  "DELETE /waiting/:id": {
    tag: "queues",
    summary: "Cancel a message that waits for a retry or a delay",
    parameters: [inPath("id", "A message id.")],
    answers: {
      200: json(
        "The message is gone.",
        object<{ messageId: string; cancelled: boolean }>({ messageId: text(), cancelled: BOOLEAN }),
      ),
      404: problem("No such message waits."),
      503: NO_BROKER,
    },
  },
  "GET /scale/:name": {
    tag: "queues",
    summary: "Give an autoscaler the numbers of a function",
    parameters: [FUNCTION_NAME],
    answers: {
      200: json(
        "How much work there is.",
        object<{ waiting: number; inFlight: number; total: number; oldest: number | null }>({
          waiting: integer(),
          inFlight: integer(),
          total: integer(),
          oldest: { ...number("Milliseconds; null where it is not known."), type: ["number", "null"] },
        }),
      ),
      404: NO_FUNCTION,
      503: NO_BROKER,
    },
  },
};
