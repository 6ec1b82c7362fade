import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readSource } from "../../lib/loader/source.ts";

const read = (text: string) => readSource("f.ts", text);
const IMPORT = 'import { defineFunction } from "warren";\n';

Deno.test("config and input are read from defineFunction()", () => {
  const whole = "export default defineFunction({ input: z.number(), config: { timeout: '5s' }, handler() {} });";
  assertEquals(read(IMPORT + whole), { config: { timeout: "5s" }, validates: true });
  assertEquals(read(IMPORT + "export default defineFunction({ handler: () => {} });"), {
    config: {},
    validates: false,
  });
});

Deno.test("constants are followed, and so is another name of defineFunction()", () => {
  const text = `import { defineFunction as define } from "jsr:@warren/warren@^0.1.0/mod";
    const config = { concurrency: 3 } as const;
    const handler = () => {};
    const parts = { config, handler };
    const resize = define(parts);
    export default resize;`;
  assertEquals(read(text), { config: { concurrency: 3 }, validates: false });
});

Deno.test("a handler that defineFunction() returns has its config where it is exported", () => {
  const text = IMPORT + "export const config = { concurrency: 2 };\nexport default defineFunction(() => {});";
  assertEquals(read(text).config, { concurrency: 2 });
});

Deno.test("a function of that name that is not Warren's is a handler like any other", () => {
  const text = 'import { defineFunction } from "./mine.ts";\nexport default defineFunction({ config: { x: 1 } });';
  assertEquals(read(text).config, {});
});

Deno.test("what is wrong in defineFunction() is named with its place", () => {
  const problem = (text: string) => assertThrows(() => read(IMPORT + text), Error).message;
  const computed = problem("export default defineFunction({ config: { timeout: limit() }, handler() {} });");
  assertStringIncludes(computed, "f.ts:2");
  assertStringIncludes(computed, "limit()");
  assertStringIncludes(problem("export default defineFunction({ config: {} });"), "needs a handler");
  const twice = "export const config = {};\nexport default defineFunction({ config: {}, handler() {} });";
  assertStringIncludes(problem(twice), "config at f.ts:2:1 is exported and also given to defineFunction()");
  assertStringIncludes(problem("export default defineFunction({ ...parts, handler() {} });"), "each by its name");
});
