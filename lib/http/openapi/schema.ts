/** A JSON schema (draft 2020-12), as OpenAPI 3.1 has them. Only the keywords that are used here. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly const?: string | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
}

/** A member that an object may lack. */
export interface Optional {
  readonly optional: Schema;
}

/** A schema for each member of `T`; `optional()` around those that may be undefined. */
type Members<T> = { readonly [K in keyof T]-?: undefined extends T[K] ? Optional : Schema };

export const ANYTHING: Schema = {};
export const BOOLEAN: Schema = { type: "boolean" };

export function text(description?: string, more: Schema = {}): Schema {
  return { type: "string", description, ...more };
}

export function integer(description?: string, more: Schema = {}): Schema {
  return { type: "integer", minimum: 0, description, ...more };
}

export function number(description?: string): Schema {
  return { type: "number", minimum: 0, description };
}

/** Milliseconds since 1970. */
export function time(description?: string): Schema {
  return number(description === undefined ? "Milliseconds since 1970." : `${description} Milliseconds since 1970.`);
}

export function flag(description: string): Schema {
  return { ...BOOLEAN, description };
}

export function choice(values: readonly string[], description?: string): Schema {
  return { type: "string", enum: values, description };
}

export function list(items: Schema, description?: string): Schema {
  return { type: "array", items, description };
}

/** An object with any names, and values of one kind. */
export function map(values: Schema, description?: string): Schema {
  return { type: "object", additionalProperties: values, description };
}

export function oneOf(...anyOf: readonly Schema[]): Schema {
  return { anyOf };
}

export function optional(schema: Schema): Optional {
  return { optional: schema };
}

/** A schema among the components of the document. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** The schema of a type: the compiler refuses it if a member is missing, or is required here and not there. */
export function object<T>(members: Members<T>, description?: string): Schema {
  const entries = Object.entries<Schema | Optional>(members);
  const properties = Object.fromEntries(
    entries.map(([name, member]) => [name, "optional" in member ? member.optional : member as Schema]),
  );
  const required = entries.filter(([, member]) => !("optional" in member)).map(([name]) => name);
  return { type: "object", description, properties, ...(required.length > 0 ? { required } : {}) };
}
