import type { FunctionDetail } from "../http/runner_view.ts";

/** A function with all of its configuration that its runner tells. */
export type FunctionDetails = FunctionDetail;

/** One field of a body, as a form asks for it. */
export interface InputField {
  readonly name: string;
  readonly type: "string" | "number" | "integer" | "boolean";
  readonly required: boolean;
  readonly description?: string;
  readonly choices?: readonly string[];
}

const TYPES = ["string", "number", "integer", "boolean"];
const MOST_FIELDS = 30;

type Schema = Record<string, unknown>;

/**
 * The fields of a JSON schema of an object whose properties are all plain values; undefined where a form cannot ask for
 * it, and the body is written as JSON.
 */
export function inputFields(schema: unknown): InputField[] | undefined {
  if (!isObject(schema) || !isObject(schema.properties)) return undefined;
  const properties = Object.entries(schema.properties);
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = properties.flatMap(([name, property]): InputField[] => {
    if (!isObject(property) || !TYPES.includes(String(property.type))) return [];
    const choices = Array.isArray(property.enum) ? property.enum.map(String) : undefined;
    const description = typeof property.description === "string" ? property.description : undefined;
    return [{
      name,
      type: property.type as InputField["type"],
      required: required.includes(name),
      description,
      choices,
    }];
  });
  return fields.length === properties.length && fields.length > 0 && fields.length <= MOST_FIELDS ? fields : undefined;
}

/** An example of a body, for somebody to change. */
export function exampleBody(schema: unknown): string {
  return JSON.stringify(isObject(schema) ? exampleOf(schema, 0) : {}, null, 2);
}

function exampleOf(schema: Schema, depth: number): unknown {
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.examples)) return schema.examples[0];
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (schema.type === "array") return isObject(schema.items) && depth < 5 ? [exampleOf(schema.items, depth + 1)] : [];
  if (isObject(schema.properties) && depth < 5) {
    const entries = Object.entries(schema.properties).slice(0, MOST_FIELDS);
    return Object.fromEntries(
      entries.map(([name, property]) => [name, isObject(property) ? exampleOf(property, depth + 1) : null]),
    );
  }
  return { string: "", number: 0, integer: 0, boolean: false, object: {} }[String(schema.type)] ?? null;
}

/** The body that a filled form means; fields that were left empty and are not required are left out. */
export function bodyOfFields(
  fields: readonly InputField[],
  form: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const { name, type, required } of fields) {
    const text = form.get(`field:${name}`) ?? "";
    if (type === "boolean") body[name] = text === "true";
    else if (type === "string") {
      if (text !== "" || required) body[name] = text;
    } else if (text !== "") body[name] = Number(text);
  }
  return body;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
