import { assertEquals } from "@std/assert";
import { refuseInlineImports } from "../../lib/loader/inline_imports.ts";

const resolveHere = (name: string) => {
  if (name === "warren") return "file:///warren/lib/mod.ts";
  if (name === "zod") return "npm:zod@3";
  throw new TypeError("not in the import map");
};

Deno.test("an inline function may import by a bare name what the runner itself has by that name", () => {
  const bare = [{ name: "warren", target: "file:///warren/lib/mod.ts", from: "functions/a.ts:1:8" }];
  assertEquals(refuseInlineImports(bare, resolveHere), []);
});

Deno.test("an inline function that would get something else than the project names is refused, with the way out", () => {
  const bare = [
    { name: "zod", target: "npm:zod@4", from: "functions/a.ts:1:19" },
    { name: "@/tool.ts", target: "file:///app/src/tool.ts", from: "functions/a.ts:2:1" },
  ];
  const start = 'isolation is "inline", and the runner, which imports an inline function itself,';
  assertEquals(refuseInlineImports(bare, resolveHere), [
    `functions/a.ts:1:19: ${start} has npm:zod@3 by this name: import "npm:zod@4", or leave out isolation`,
    `functions/a.ts:2:1: ${start} does not know this name: import "file:///app/src/tool.ts", or leave out isolation`,
  ]);
});
