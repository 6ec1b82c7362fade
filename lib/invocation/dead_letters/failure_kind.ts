import { withoutVariables } from "../insight/without_variables.ts";

const MAX_LENGTH = 200;

/** What failures have in common that are alike: the error's type, and its message with what varies as `…`. */
export function failureKind(type = "", message = ""): string {
  return withoutVariables(`${type}: ${message}`, MAX_LENGTH);
}
