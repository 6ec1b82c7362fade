/** One field of a body, as a form asks for it. */
export interface InputField {
  readonly name: string;
  readonly type: FieldType;
  readonly required: boolean;
  readonly description?: string;
  readonly choices?: readonly string[];
  /** What the form has at first. */
  readonly initial?: string;
}

type FieldType = "string" | "number" | "integer" | "boolean";
type Schema = Readonly<Record<string, unknown>>;

const TYPES: readonly unknown[] = ["string", "number", "integer", "boolean"];
const MOST_FIELDS = 30;
/** The name of a field's input in the form begins with this. */
const PREFIX = "field:";

/**
 * The fields of a JSON schema of an object whose properties are all plain values; undefined where a form cannot ask for
 * it, and the body is written as JSON. The schema can hold anything: it comes from the function.
 */
export function inputFields(schema: unknown): InputField[] | undefined {
  if (!isObject(schema) || !isObject(schema.properties)) return undefined;
  const properties = Object.entries(schema.properties);
  if (properties.length === 0 || properties.length > MOST_FIELDS) return undefined;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = properties.map(([name, property]) => fieldOf(name, property, required.includes(name)));
  return fields.every((field) => field !== undefined) ? fields : undefined;
}

function fieldOf(name: string, property: unknown, required: boolean): InputField | undefined {
  if (!isObject(property)) return undefined;
  const { description, default: initial } = property;
  const choices = choicesOf(property);
  // A type may be left out where the values say it.
  const type = property.type ?? (choices?.every((choice) => typeof choice === "string") ? "string" : undefined);
  if (!isFieldType(type)) return undefined;
  return {
    name,
    type,
    required,
    description: typeof description === "string" ? description : undefined,
    choices: choices?.every(isPlain) ? choices.map(String) : undefined,
    initial: isPlain(initial) ? String(initial) : undefined,
  };
}

function choicesOf({ enum: values, const: value }: Schema): readonly unknown[] | undefined {
  if (value !== undefined) return [value];
  return Array.isArray(values) ? values : undefined;
}

/** The name of a field in the form. */
export function inputName({ name }: Pick<InputField, "name">): string {
  return PREFIX + name;
}

/** Whether these are the fields that the form had: meanwhile there may be another version. */
export function areFieldsOf(fields: readonly InputField[], form: ReadonlyMap<string, string>): boolean {
  const sent = [...form.keys()].filter((name) => name.startsWith(PREFIX));
  return sent.length === fields.length && fields.every((field) => form.has(inputName(field)));
}

/** An example of a body, for somebody to change. */
export function exampleBody(schema: unknown): string {
  return JSON.stringify(isObject(schema) ? exampleOf(schema, 0) : {}, null, 2);
}

function exampleOf(schema: Schema, depth: number): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0];
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0];
  if (schema.type === "array") return isObject(schema.items) && depth < 5 ? [exampleOf(schema.items, depth + 1)] : [];
  if (isObject(schema.properties) && depth < 5) {
    const entries = Object.entries(schema.properties).slice(0, MOST_FIELDS);
    return Object.fromEntries(
      entries.map(([name, property]) => [name, isObject(property) ? exampleOf(property, depth + 1) : null]),
    );
  }
  return EMPTY.get(schema.type) ?? null;
}

const EMPTY = new Map<unknown, unknown>([["string", ""], ["number", 0], ["integer", 0], ["boolean", false], [
  "object",
  {},
]]);

/** The body that a filled form means; fields that were left empty and are not required are left out. */
export function bodyOfFields(
  fields: readonly InputField[],
  form: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const filled = fields.flatMap((field): [string, unknown][] => {
    const text = form.get(inputName(field)) ?? "";
    if (text === "" && !(field.required && field.type === "string")) return [];
    return [[field.name, valueOf(field.type, text)]];
  });
  return Object.fromEntries(filled);
}

function valueOf(type: FieldType, text: string): unknown {
  if (type === "string") return text;
  return type === "boolean" ? text === "true" : Number(text);
}

function isFieldType(type: unknown): type is FieldType {
  return TYPES.includes(type);
}

function isPlain(value: unknown): value is string | number | boolean {
  return TYPES.includes(typeof value);
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
