import { assertEquals } from "@std/assert";
import { MAX_INPUT_SCHEMA, readInputSchema } from "../../../lib/invocation/content/input_schema.ts";
import type { StandardSchema } from "../../../lib/mod.ts";
import { inputSchemaText } from "../../../lib/sandbox/handler/input_schema_text.ts";

const SCHEMA = { type: "object", properties: { email: { type: "string" } } };

/** An `input` whose JSON schema is what `jsonSchema` is, or gives. */
function input(jsonSchema: unknown): StandardSchema {
  const validate = () => {
    throw new Error("nobody asked to validate");
  };
  return { "~standard": { version: 1, vendor: "test", validate, jsonSchema } } as StandardSchema;
}

/** JSON of objects in each other. */
function nested(depth: number): string {
  return '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
}

Deno.test("a schema is asked for the JSON schema of what goes in, by its own method", () => {
  const asked: unknown[] = [];
  const standard = {
    schema: SCHEMA,
    input(options: unknown) {
      asked.push(options);
      return this.schema;
    },
    output: () => ({}),
  };
  assertEquals(JSON.parse(inputSchemaText(input(standard))!), SCHEMA);
  assertEquals(asked, [{ target: "draft-2020-12" }]);
});

Deno.test("a schema that gives no JSON schema has none", () => {
  const thrower = () => {
    throw new Error("Date cannot be represented");
  };
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const given: unknown[] = [undefined, null, "text", 5, [], () => {}, cyclic, { a: 1n }, { toJSON: thrower }];
  const odd = [
    undefined,
    null,
    "text",
    {},
    { input: 5 },
    { input: thrower },
    ...given.map((one) => ({ input: () => one })),
  ];
  for (const jsonSchema of odd) assertEquals(inputSchemaText(input(jsonSchema)), undefined);
  assertEquals(inputSchemaText(undefined), undefined);
  const getter = Object.defineProperty({}, "~standard", { get: thrower }) as StandardSchema;
  assertEquals(inputSchemaText(getter), undefined);
});

Deno.test("a JSON schema that is too large or too deep is left out", () => {
  const sized = (size: number) => ({ input: () => ({ a: "x".repeat(size - '{"a":""}'.length) }) });
  assertEquals(inputSchemaText(input(sized(MAX_INPUT_SCHEMA)))?.length, MAX_INPUT_SCHEMA);
  assertEquals(inputSchemaText(input(sized(MAX_INPUT_SCHEMA + 1))), undefined);
  const deep = (depth: number) => ({ input: () => JSON.parse(nested(depth)) });
  assertEquals(inputSchemaText(input(deep(100))), nested(100));
  assertEquals(inputSchemaText(input(deep(101))), undefined);
});

Deno.test("text that is no JSON object is no schema", () => {
  for (const text of ["", "{", "[]", "null", '"{}"', "5", nested(10_000), "[".repeat(60_000)]) {
    assertEquals(readInputSchema(text), undefined);
  }
});
