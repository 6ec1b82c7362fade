import { assertEquals } from "@std/assert";
import { bodyOfFields, exampleBody, inputFields } from "../../lib/console/function_details.ts";

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

Deno.test("an example of a schema that holds itself ends", () => {
  const schema: Record<string, unknown> = { type: "object" };
  schema.properties = { child: schema };
  assertEquals(exampleBody(schema).includes("child"), true);
});
