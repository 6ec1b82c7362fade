import type { Failure, Issue } from "../../invocation/outcome.ts";
import type { SchemaIssue, StandardSchema } from "../../mod.ts";

/** So many issues are kept, and so many characters of each: they travel in headers. */
const MAX_ISSUES = 50;
const MAX_TEXT = 200;

/** A body that its function's `input` lets through, or why it does not. */
export type Validated = { readonly value: unknown; readonly failure?: undefined } | { readonly failure: Failure };

/** Whether a module's export is a schema. @throws {TypeError} where it is something else */
export function asSchema(input: unknown): StandardSchema | undefined {
  if (input === undefined) return undefined;
  const standard = (input as Partial<StandardSchema> | null)?.["~standard"];
  if (typeof standard?.validate === "function") return input as StandardSchema;
  throw new TypeError("the export `input` is no Standard Schema: expected one of zod, valibot, arktype or the like");
}

/** What a schema says of a body. What the schema itself throws is thrown. */
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
