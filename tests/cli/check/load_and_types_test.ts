import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../../loader/folder.ts";
import { runMain } from "../run_command.ts";

const SCHEMA = `import type { Handler, StandardSchema } from "warren";
  export const input: StandardSchema<{ a: string }> = {
    "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as { a: string } }) },
  };\n`;

Deno.test("check --load loads every function under its own permissions, and says what fails", async () => {
  await using functions = await folder({
    "fine.ts": "export default () => {};",
    "greedy.ts": `const name = Deno.hostname();\nexport default () => name;`,
    "off.ts": `export const config = { enabled: false };\nthrow new Error("off");\nexport default () => {};`,
    "thrown.ts":
      `export const config = { output: "fyne" };\nexport default () => {};\nthrow new TypeError("at the top");`,
  });
  const { code, stdout, stderr } = await runMain(["check", "--load"], { FUNCTIONS_DIR: functions.path });
  assertEquals(code, 1);
  assertStringIncludes(stdout, "2 of 4 functions can be bound and load");
  assertStringIncludes(stderr, 'greedy: broken\n  the module could not be loaded: Requires sys access to "hostname"');
  assertStringIncludes(stderr, "thrown: broken\n  the module could not be loaded: at the top");
  assertStringIncludes(stderr, 'thrown: output names the queue "fyne"; did you mean "fine"?');
});

Deno.test("check --types checks modules, and handlers against their input", async () => {
  await using functions = await folder({
    "fine.ts": SCHEMA + `export default (({ body }) => body.a) satisfies Handler<{ a: string }>;`,
    "other.ts": SCHEMA + `export default (({ body }) => body.b) satisfies Handler<{ b: number }>;`,
    "wrong.ts": `const n: number = "one";\nexport default () => n;`,
  });
  const env = { FUNCTIONS_DIR: functions.path };
  const { code, stdout } = await runMain(["check", "--types", "--json"], env);
  assertEquals(code, 1);
  const { functions: shown } = JSON.parse(stdout) as { functions: { name: string; error?: string }[] };
  const errors = Object.fromEntries(shown.map(({ name, error }) => [name, error]));
  assertEquals(errors.fine, undefined);
  assertStringIncludes(errors.other!, "the handler does not fit its input and config:");
  assertStringIncludes(errors.other!, "Property 'b' is missing");
  assertStringIncludes(errors.wrong!, "Type 'string' is not assignable to type 'number'");
  assertStringIncludes(errors.wrong!, "wrong.ts:1:7");
});
