import type { Operations } from "../operation.ts";
import { DEAD_LETTER_OPERATIONS } from "./dead_letters.ts";
import { FLEET_OPERATIONS } from "./fleet.ts";
import { FUNCTION_OPERATIONS } from "./functions.ts";
import { QUEUE_OPERATIONS } from "./queues.ts";
import { RUN_OPERATIONS } from "./runs.ts";
import { RUNNER_OPERATIONS } from "./runner.ts";

/**
 * The description of each route of the API. A new route needs an entry here, in the file of its resource: without it the
 * test of the document fails and names the route.
 */
export const OPERATIONS: Operations = {
  ...RUNNER_OPERATIONS,
  ...FLEET_OPERATIONS,
  ...FUNCTION_OPERATIONS,
  ...QUEUE_OPERATIONS,
  ...RUN_OPERATIONS,
  ...DEAD_LETTER_OPERATIONS,
};
