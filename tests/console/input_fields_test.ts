import { assertEquals } from "@std/assert";
import { areFieldsOf, bodyOfFields, exampleBody, inputFields } from "../../lib/console/input_fields.ts";

const SCHEMA = {
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "string", description: "The key." },
    size: { type: "integer" },
    ratio: { type: "number" },
    format: { type: "string", enum: ["avif", "webp"] },
    keep: { type: "boolean" },
  },
};

Deno.test("a schema of plain values is a form", () => {
  const fields = inputFields(SCHEMA)!;
  assertEquals(fields.map(({ name, type, required }) => [name, type, required]), [
    ["id", "string", true],
    ["size", "integer", false],
    ["ratio", "number", false],
    ["format", "string", false],
    ["keep", "boolean", false],
  ]);
  const typed = new Map([["field:id", ""], ["field:size", "40"], ["field:ratio", ""], ["field:keep", "true"]]);
  assertEquals(bodyOfFields(fields, typed), { id: "", size: 40, keep: true });
});

Deno.test("what a form cannot ask for is written as JSON", () => {
  const nested = { type: "object", properties: { items: { type: "array", items: { type: "string" } } } };
  for (const schema of [undefined, null, "x", {}, { properties: {} }, nested]) {
    assertEquals(inputFields(schema), undefined);
  }
  assertEquals(JSON.parse(exampleBody(nested)), { items: [""] });
  assertEquals(JSON.parse(exampleBody(SCHEMA)), { id: "", size: 0, ratio: 0, format: "avif", keep: false });
  assertEquals(exampleBody(undefined), "{}");
});

Deno.test("a field knows its choices and what it has at first", () => {
  const properties = {
    lang: { type: "string", enum: ["de", "en"], default: "en" },
    size: { type: "integer", default: 40 },
    kind: { enum: ["a", "b"] },
    version: { const: "1" },
    open: { type: "string", enum: ["a", null] },
  };
  const seen = inputFields({ properties })!.map(({ name, type, choices, initial }) => [name, type, choices, initial]);
  assertEquals(seen, [
    ["lang", "string", ["de", "en"], "en"],
    ["size", "integer", undefined, "40"],
    ["kind", "string", ["a", "b"], undefined],
    ["version", "string", ["1"], undefined],
    ["open", "string", undefined, undefined],
  ]);
});

Deno.test("an optional field that is left empty is not in the body, whatever its type", () => {
  const fields = inputFields(SCHEMA)!;
  const empty = new Map(fields.map(({ name }) => [`field:${name}`, ""]));
  assertEquals(bodyOfFields(fields, empty), { id: "" });
  assertEquals(bodyOfFields(fields, new Map([...empty, ["field:keep", "false"]])), { id: "", keep: false });
});

Deno.test("a form of other fields than the schema has is noticed", () => {
  const fields = inputFields(SCHEMA)!;
  const names = fields.map(({ name }) => `field:${name}`);
  const form = (...sent: string[]) => new Map(sent.map((name) => [name, "x"]));
  assertEquals(areFieldsOf(fields, form(...names)), true);
  assertEquals(areFieldsOf(fields, form(...names.slice(1))), false);
  assertEquals(areFieldsOf(fields, form(...names, "field:more")), false);
  assertEquals(areFieldsOf(fields, form(...names.slice(1), "field:more")), false);
});

Deno.test("whatever a function puts into its schema, the form is made", () => {
  const odd = { toString: 1, valueOf: 1 };
  const property = { type: odd, enum: [odd], description: odd, default: odd, const: odd };
  for (const schema of [odd, property, { properties: { a: property }, required: odd }, { type: "__proto__" }]) {
    assertEquals(inputFields(schema), undefined);
    JSON.parse(exampleBody(schema));
  }
  const fields = inputFields({
    properties: { a: { ...property, type: "string" }, ["__proto__"]: { type: "string" } },
  })!;
  assertEquals(fields.map(({ choices, initial, description }) => [choices, initial, description]), [
    [undefined, undefined, undefined],
    [undefined, undefined, undefined],
  ]);
  const body = bodyOfFields(fields, new Map([["field:a", "1"], ["field:__proto__", "2"]]));
  assertEquals(JSON.stringify(body), '{"a":"1","__proto__":"2"}');
  assertEquals(exampleBody({ examples: [] }), "null");
});

Deno.test("an example of a schema that holds itself ends", () => {
  const schema: Record<string, unknown> = { type: "object" };
  schema.properties = { child: schema };
  assertEquals(exampleBody(schema).includes("child"), true);
});
