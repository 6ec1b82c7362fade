import type { Schema } from "../schema.ts";
import { DEAD_LETTER_SCHEMAS } from "./dead_letters.ts";
import { FLEET_SCHEMAS } from "./fleet.ts";
import { FUNCTION_SCHEMAS } from "./functions.ts";
import { PROBLEM_SCHEMAS } from "./problems.ts";
import { RUN_SCHEMAS } from "./runs.ts";

/** The components of the document, by name. Each is named after the type that it is the schema of. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  ...PROBLEM_SCHEMAS,
  ...FUNCTION_SCHEMAS,
  ...FLEET_SCHEMAS,
  ...RUN_SCHEMAS,
  ...DEAD_LETTER_SCHEMAS,
};
