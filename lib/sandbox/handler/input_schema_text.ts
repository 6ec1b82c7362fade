import { readInputSchema } from "../../invocation/content/input_schema.ts";
import type { StandardSchema } from "../../mod.ts";

/**
 * The JSON schema of a function's `input`, in JSON. Undefined if the schema's library does not give one: it lacks the
 * Standard JSON Schema extension, or cannot express the schema. Never throws.
 */
export function inputSchemaText(input: StandardSchema | undefined): string | undefined {
  try {
    const schema = input?.["~standard"].jsonSchema?.input({ target: "draft-2020-12" });
    const text: string | undefined = JSON.stringify(schema);
    return text !== undefined && readInputSchema(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
