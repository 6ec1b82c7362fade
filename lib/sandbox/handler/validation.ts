import type { Failure, Issue } from "../../invocation/outcome.ts";
import type { SchemaIssue, StandardSchema } from "../../mod.ts";

/** The most issues that are kept, and the most characters of each, since they travel in headers. */
const MAX_ISSUES = 50;
const MAX_TEXT = 200;

/** A body that matches the function's `input`, or why it does not. */
export type Validated = { readonly value: unknown; readonly failure?: undefined } | { readonly failure: Failure };

/** Whether a module's export is a schema. @throws {TypeError} if it is something else */
export function asSchema(input: unknown): StandardSchema | undefined {
  if (input === undefined) return undefined;
  const standard = (input as Partial<StandardSchema> | null)?.["~standard"];
  if (typeof standard?.validate === "function") return input as StandardSchema;
  throw new TypeError("the export `input` is no Standard Schema: expected one of zod, valibot, arktype or the like");
}

/** Validates a body with a schema. Passes on exceptions of the schema itself. */
export async function validate(schema: StandardSchema, body: unknown): Promise<Validated> {
  const result = await schema["~standard"].validate(body);
  if (!result.issues) return { value: result.value };
  const issues = result.issues.slice(0, MAX_ISSUES).map(toIssue);
  const more = result.issues.length - issues.length;
  const message = issues.map(({ path, message }) => path ? `${path}: ${message}` : message).join("; ");
  return { failure: { type: "ValidationError", message: more > 0 ? `${message}; and ${more} more` : message, issues } };
}

function toIssue({ message, path = [] }: SchemaIssue): Issue {
  const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
  return { message: String(message).slice(0, MAX_TEXT), path: keys.join(".").slice(0, MAX_TEXT) };
}
