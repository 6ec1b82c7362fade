import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { readSource } from "../../lib/loader/source.ts";

const HANDLER = "export default () => {};\n";
const config = (text: string, file = "functions/x.ts") => readSource(file, text + "\n" + HANDLER).config;

function problem(text: string, file = "functions/x.ts"): string {
  const error = assertThrows(() => readSource(file, text), WarrenError) as WarrenError;
  assertEquals(error.code, "function");
  return error.message;
}

Deno.test("config is read in each way that it can be written down", () => {
  const expected = { timeout: "5s", retry: { attempts: 2 } };
  const literal = '{ timeout: "5s", retry: { attempts: 2 } }';
  for (
    const text of [
      `export const config = ${literal};`,
      `export const config = ${literal} satisfies FunctionConfig;`,
      `export const config: FunctionConfig = ${literal};`,
      `export const config = ${literal} as const satisfies FunctionConfig;`,
      `export const config = <FunctionConfig>(${literal});`,
      `const config = ${literal}; export { config };`,
      `export { settings as config }; const settings = ${literal};`,
    ]
  ) assertEquals(config(text), expected);
});

Deno.test("every kind of literal is read", () => {
  const text = "export const config = { a: -1.5, 'b-c': `text`, d: [true, null, 'x'], 4: +1e3, e: {} };";
  assertEquals(config(text), { 4: 1000, a: -1.5, "b-c": "text", d: [true, null, "x"], e: {} });
});

Deno.test("a module without config has an empty one, and so has one that exports only its type", () => {
  assertEquals(config("const config = f();"), {});
  assertEquals(config("type config = 1; export type { config };"), {});
});

Deno.test("what is not a literal is an error with its key, text and place", () => {
  assertEquals(
    problem(`${HANDLER}export const config = {\n  timeout: Deno.env.get("X"),\n};`),
    'config.timeout is not a literal: "Deno.env.get("X")" at functions/x.ts:3:12; ' +
      "config is read without running the module",
  );
  assertStringIncludes(
    problem(`${HANDLER}export const config = { retry: { delay: 5 * 60 }, bindings: [{ exchange: name }] };`),
    'config.retry.delay is not a literal: "5 * 60" at functions/x.ts:2:41; config is read without running the module\n' +
      'config.bindings[0].exchange is not a literal: "name" at functions/x.ts:2:74',
  );
});

Deno.test("calls, spreads, methods, computed keys, templates with expressions and undefined are not literals", () => {
  for (
    const value of [
      "Object.freeze({})",
      "{ ...other }",
      "{ get timeout() { return 1 } }",
      "{ timeout() {} }",
      "{ ['timeout']: 1 }",
      "{ timeout: `${1}s` }",
      "{ timeout: undefined }",
      "{ timeout }",
      "{ timeout: 10n }",
      "{ timeout: /x/ }",
      "{ timeout: !1 }",
      "{ bindings: [...others] }",
      "{ bindings: [,] }",
      "{ timeout: 1 ? 2 : 3 }",
    ]
  ) assertStringIncludes(problem(`export const config = ${value};\n${HANDLER}`), "is not a literal");
});

Deno.test("config that is no constant object of the module is an error", () => {
  for (
    const text of [
      "export let config = {};",
      "export function config() {}",
      "export class config {}",
      "export const { config } = other;",
      'export { config } from "./other.ts";',
      'import { config } from "./other.ts"; export { config };',
    ]
  ) assertStringIncludes(problem(`${text}\n${HANDLER}`), "config at functions/x.ts:1:1 cannot be read");
  for (const value of ["5", '"x"', "[]", "null"]) {
    assertStringIncludes(problem(`export const config = ${value};\n${HANDLER}`), "is not an object");
  }
});

Deno.test("__proto__ in config is a key and pollutes nothing", () => {
  const read = config(
    'export const config = { "__proto__": { polluted: true }, retry: { __proto__: { attempts: 9 } } };',
  );
  assert(Object.hasOwn(read, "__proto__"));
  assertEquals((read as { polluted?: boolean }).polluted, undefined);
  assertEquals((read.retry as { attempts?: number }).attempts, undefined);
  assertEquals(({} as { polluted?: boolean }).polluted, undefined);
});

Deno.test("a key that is set twice is an error", () => {
  assertStringIncludes(
    problem(`export const config = { timeout: 1, "timeout": 2 };\n${HANDLER}`),
    "config.timeout is set twice, again at functions/x.ts:1:37",
  );
});

Deno.test("every default export that can be a function is taken", () => {
  for (
    const text of [
      "export default (message: string) => message;",
      "export default async function () {}",
      "export default function named() {}",
      'import { defineFunction } from "warren"; export default defineFunction<X>(() => {});',
      "const f: Handler<string> = () => {}; export default f;",
      "function x() {} export { x as default };",
      'export { default } from "./y.ts";',
      'import y from "./y.ts"; export default y satisfies Handler;',
      "let f; export default f; f = () => {};",
      "export default function over(a: string): void; export default function over() {}",
      "const { f } = tools; export default f;",
    ]
  ) assertEquals(readSource("x.ts", text).config, {});
});

Deno.test("a module without a default export is an error", () => {
  assertStringIncludes(problem("export const handler = () => {};"), "functions/x.ts has no default export");
  assertStringIncludes(problem(""), "has no default export");
  assertStringIncludes(problem("export default interface X {}"), "has no default export");
});

Deno.test("a default export that is seen not to be a function is an error with its place", () => {
  const cases = {
    "{}": "an object",
    "5": "a number",
    "class {}": "a class",
    "class X {}": "a class",
    "'x'": "a string",
    "undefined": "undefined",
    "missing": '"missing", which is not declared',
    "function* () {}": "a generator",
    "{} as Handler": "an object",
  };
  for (const [value, what] of Object.entries(cases)) {
    assertStringIncludes(problem(`\nexport default ${value};`), `the default export at functions/x.ts:2:1 is ${what}`);
  }
  assertStringIncludes(problem("const a = { b: 1 };\nexport { a as default };"), "functions/x.ts:1:1 is an object");
  assertStringIncludes(problem("class A {}\nexport default A;"), "is a class");
  assertStringIncludes(problem('export * as default from "./y.ts";'), "is a module's namespace");
});

Deno.test("a syntax error shows its place, its line and a caret", () => {
  assertEquals(
    problem("const ok = 1;\n\tlet x = ;\n"),
    "functions/x.ts:2:10: syntax error: Unexpected token\n  \tlet x = ;\n  \t        ^",
  );
  const long = problem(`${"a;".repeat(5_000)}let x = ;`);
  assert(long.length < 400);
});

Deno.test("TypeScript is read in .ts, JSX only in .tsx and .jsx, decorators and `using` everywhere", () => {
  readSource("x.tsx", "export default (m: string) => <p>{m}</p>;");
  readSource("x.jsx", "export default (m) => <p>{m}</p>;");
  readSource("x.mts", "@log class A { accessor x = 1 }\nexport default (m: string) => { using f = g(); };");
  problem("export default (m: string) => m;", "x.js");
  problem("export default () => <p>x</p>;", "x.ts");
});
